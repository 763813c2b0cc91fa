"""The process of Elasticsearch, started by `infra.local.engines`.

A `Node` is constructed as the server's own start-up does it, without its command line: server jars
on the class path, the transport-netty4 module in `home/modules`. Other modules aren't published as
artifacts, so scripts, custom analysis, wildcard fields, security and `GET /` are absent; so are the
native libraries, without which `index.codec: best_compression` must not be used.
"""

import shutil
import zipfile
from pathlib import Path

import jpype

from infra.local.jvm import EngineArguments, EngineProcess, parse_arguments

LOOPBACK = "127.0.0.1"
MODULE = "transport-netty4"
LOG_CONFIGURATION = Path(__file__).parent / "elasticsearch.log4j2.properties"
# The server's own JVM options that matter to this small node.
JVM_OPTIONS = (
    "-Xms256m",
    "-Dio.netty.noUnsafe=true",
    "-Dio.netty.noKeySetOptimization=true",
    "-Dio.netty.recycler.maxCapacityPerThread=0",
    "--add-opens=java.base/java.io=ALL-UNNAMED",
)


def lay_home(arguments: EngineArguments) -> Path:
    """Make the folder that the node takes for its installation; returns it.

    The module's descriptor is in its jar; its line `modulename` is left out, because the server is
    on the class path here, where a named module couldn't see it. Jars are linked, not copied.
    """
    home = arguments.temp / "home"
    module = home / "modules" / MODULE
    shutil.rmtree(home, ignore_errors=True)
    for folder in (module, home / "config", home / "lib", home / "plugins"):
        folder.mkdir(parents=True)
    descriptor = "plugin-descriptor.properties"
    for jar in arguments.modules:
        (module / jar.name).symlink_to(jar)
        if jar.name.startswith(f"{MODULE}-"):
            with zipfile.ZipFile(jar) as archive:
                lines = archive.read(f"META-INF/es-plugins/{MODULE}/{descriptor}").splitlines()
            kept = [line for line in lines if not line.startswith(b"modulename=")]
            (module / descriptor).write_bytes(b"\n".join(kept))
    return home


def node_settings(arguments: EngineArguments, home: Path) -> dict[str, str]:
    """Settings of a single node for one machine."""
    return {
        "path.home": str(home),
        "path.data": str(arguments.data),
        "path.logs": str(arguments.temp),
        "cluster.name": "twofold",
        "node.name": "local",
        "node.roles": "master,data,ingest",
        "discovery.type": "single-node",
        "network.host": LOOPBACK,
        "http.port": str(arguments.port),
        "transport.port": "0",
        # An index is made by provisioning with its strict mapping, never by a stray write.
        "action.auto_create_index": "false",
        # A developer's disk is often nearly full: the launcher checks the space that is needed.
        "cluster.routing.allocation.disk.threshold_enabled": "false",
    }


def main() -> None:
    """Serve Elasticsearch on the loopback address until told to stop."""
    process = EngineProcess(parse_arguments())
    arguments = process.arguments
    home = lay_home(arguments)
    log_option = f"-Dlog4j2.configurationFile={LOG_CONFIGURATION.as_uri()}"
    process.start_jvm(*JVM_OPTIONS, log_option)

    jpype.JClass("org.elasticsearch.common.logging.LogConfigurator").configureESLogging()
    builder = jpype.JClass("org.elasticsearch.common.settings.Settings").builder()
    for name, value in node_settings(arguments, home).items():
        builder.put(name, value)
    config = jpype.JClass("java.nio.file.Path").of(str(home / "config"))
    environment = jpype.JClass("org.elasticsearch.env.Environment")(builder.build(), config)
    loader = jpype.JClass("org.elasticsearch.plugins.PluginsLoader")
    modules = loader.loadModulesBundles(environment.modulesDir(), True)
    plugins = jpype.JClass("java.util.HashSet")()
    exports = jpype.JClass("java.util.HashMap")()
    layers = loader.createPluginsLoader(modules, plugins, exports, False)
    node = jpype.JClass("org.elasticsearch.node.Node")(environment, layers)
    node.start()
    transport_class = jpype.JClass("org.elasticsearch.http.HttpServerTransport")
    transport = node.injector().getInstance(transport_class)
    process.say_ready(int(transport.boundAddress().publishAddress().getPort()))
    process.wait_for_stop()
    node.close()
    process.end()


if __name__ == "__main__":
    main()
