"""The pure parts of the launcher."""

from infra.local.options import read_options
from infra.local.run import service_environment, snippet

DEV = {
    "TWOFOLD_API_URL": "http://127.0.0.1:8000/graphql",
    "TWOFOLD_AUTH_URL": "http://127.0.0.1:8000/oauth2/token",
    "TWOFOLD_CLIENT_ID": "0123456789abcdef0123456789abcdef",
    "TWOFOLD_CLIENT_SECRET": "0123456789abcdef0123456789abcdef0123456789a",
    "TWOFOLD_SCOPE": "twofold",
}


def free(count: int) -> list[int]:
    return list(range(7001, 7001 + count))


def test_the_snippet_has_five_lines_builds_the_official_client_and_names_all_values() -> None:
    text = snippet(DEV)
    compile(text, "snippet", "exec")
    assert len(text.splitlines()) == 5
    assert all(len(line) <= 100 for line in text.splitlines())
    assert all(value in text for value in DEV.values())


def test_services_are_told_this_runs_addresses_and_shown_no_real_credentials() -> None:
    inherited = {
        "PATH": "/bin",
        "AWS_PROFILE": "production",
        "AWS_ACCESS_KEY_ID": "real",
        "AWS_SECRET_ACCESS_KEY": "real",
        "AWS_SESSION_TOKEN": "real",
        "TWOFOLD_TABLE_PREFIX": "mine-",
    }
    options = read_options({"TWOFOLD_PORTS": "free"}, free)
    assert service_environment(options, "secret", inherited) == {
        "PATH": "/bin",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "TWOFOLD_TABLE_PREFIX": "mine-",
        "TWOFOLD_WRITE_PORT": "7001",
        "TWOFOLD_READ_PORT": "7002",
        "TWOFOLD_INDEXER_PORT": "7003",
        "TWOFOLD_DYNAMODB_ENDPOINT": "http://127.0.0.1:7004",
        "TWOFOLD_ELASTICSEARCH_URL": "http://127.0.0.1:7005",
        "TWOFOLD_PUBLIC_URL": "http://127.0.0.1:7001",
        "TWOFOLD_READ_URL": "http://127.0.0.1:7002",
        "TWOFOLD_TOKEN_SECRET": "secret",
        "PYTHONUNBUFFERED": "1",
    }


def test_engines_that_are_given_keep_their_addresses_and_credentials() -> None:
    inherited = {
        "AWS_PROFILE": "production",
        "TWOFOLD_DYNAMODB_ENDPOINT": "http://db:1",
        "TWOFOLD_ELASTICSEARCH_URL": "http://search:2",
        "TWOFOLD_TOKEN_SECRET": "given",
        "TWOFOLD_READ_URL": "http://reader:3",
    }
    environment = service_environment(read_options(inherited, free), "own", inherited)
    assert {name: environment[name] for name in inherited} == inherited
    assert "AWS_ACCESS_KEY_ID" not in environment
