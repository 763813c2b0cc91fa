"""Write the pins of the engines' jars: `python -m infra.local.pin`. For maintainers only.

Run it after a change of a version in `infra.local.artifacts`, look at the difference, commit it.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from jgo.maven import MavenContext

from infra.local.artifacts import (
    DYNAMODB_VERSION,
    ELASTICSEARCH_VERSION,
    PINS_FOLDER,
    Pin,
    digest_of,
)

ROOTS = {
    "dynamodb": f"com.amazonaws:DynamoDBLocal:{DYNAMODB_VERSION}",
    "elasticsearch": f"org.elasticsearch:elasticsearch:{ELASTICSEARCH_VERSION}",
    "transport-netty4": f"org.elasticsearch.plugin:transport-netty4:{ELASTICSEARCH_VERSION}",
}
# Declared as run-time dependencies of DynamoDB Local, but only its own tests use them.
TEST_LIBRARIES = frozenset({"mockito-core", "objenesis", "hamcrest-core"})


def pins_of(context: MavenContext, root: str) -> list[Pin]:
    """Resolve the run-time closure of a root; native libraries and test libraries are left out.

    DynamoDB Local's own jar carries the native libraries of every platform, so that the separate
    ones aren't needed.
    """
    inputs, transitive = context.resolver.resolve([context.create_dependency(root)])
    pins = []
    for dependency in [*inputs, *transitive]:
        artifact = dependency.artifact
        if artifact.packaging != "jar" or dependency.artifactId in TEST_LIBRARIES:
            continue
        path = Path(artifact.resolve())
        pin = Pin(
            dependency.groupId,
            dependency.artifactId,
            dependency.version,
            path.stat().st_size,
            digest_of(path),
        )
        pins.append(pin)
    return pins


def main() -> None:
    """Resolve the three closures and write `pins/*.txt`."""
    with TemporaryDirectory() as folder:
        context = MavenContext(repo_cache=Path(folder), timeout=120)
        resolved = {name: pins_of(context, root) for name, root in ROOTS.items()}
    # A module must not bring a jar that the server already has: Java refuses the duplicate.
    server_jars = {pin.coordinates for pin in resolved["elasticsearch"]}
    resolved["transport-netty4"] = [
        pin for pin in resolved["transport-netty4"] if pin.coordinates not in server_jars
    ]
    for name, pins in resolved.items():
        header = f"# {ROOTS[name]} and what it needs: sha256, bytes, coordinates.\n"
        text = header + "".join(f"{pin.line()}\n" for pin in pins)
        (PINS_FOLDER / f"{name}.txt").write_text(text, encoding="utf-8")
        print(f"{name}: {len(pins)} jars, {sum(pin.size_bytes for pin in pins) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
