"""The process of DynamoDB Local, started by `infra.local.engines`.

Its public handler class is put on a Jetty server of our own, because its command line can't be told
an address and listens on all of them. Its database has no passwords: only this machine may see it.
Data is on disk, one file for all clients (as with `-sharedDb`), safe against `kill -9` (SQLite).
"""

import os

import jpype

from infra.local.jvm import EngineProcess, parse_arguments

LOOPBACK = "127.0.0.1"
SERVER_PACKAGE = "com.amazonaws.services.dynamodbv2.local.server"


def main() -> None:
    """Serve DynamoDB on the loopback address until told to stop."""
    # Read by the engine; it sends usage data to its maker unless told not to.
    os.environ["DDB_LOCAL_TELEMETRY"] = "0"
    process = EngineProcess(parse_arguments())
    arguments = process.arguments
    process.start_jvm()
    requests = jpype.JClass(f"{SERVER_PACKAGE}.LocalDynamoDBRequestHandler")(
        0,  # no port of its own
        False,  # not in memory
        str(arguments.data),
        True,  # one database for every access key and region
        False,  # no pretended delays of table states
    )
    handler = jpype.JClass(f"{SERVER_PACKAGE}.LocalDynamoDBServerHandler")(requests, None)
    address = jpype.JClass("java.net.InetSocketAddress")(LOOPBACK, arguments.port)
    server = jpype.JClass("org.eclipse.jetty.server.Server")(address)
    server.setHandler(handler)
    server.start()
    process.say_ready(int(server.getURI().getPort()))
    process.wait_for_stop()
    server.stop()
    process.end()


if __name__ == "__main__":
    main()
