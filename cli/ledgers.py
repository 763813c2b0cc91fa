"""create-ledger."""

from cli.client import mutate
from cli.context import Context
from cli.failures import CommandFailure
from cli.files import read_schema_file
from cli.parsers import Commands, reaches_the_api
from cli.schemas import SCHEMA_FILE

CREATE = """
mutation CreateLedger($ik: SafeString!, $ledger: CreateLedgerInput!, $schema: SchemaMatchInput) {
  createLedger(ik: $ik, ledger: $ledger, schema: $schema) {
    __typename
    ... on CreateLedgerResult {
      isIkReplay
      ledger { id ik name created balanceUTCOffset schema { key } }
    }
    ... on Error { code message retryable }
  }
}
"""


def add_commands(commands: Commands) -> None:
    """Adds the command."""
    create = commands.add_parser("create-ledger", help="create a Ledger of a stored Schema")
    create.add_argument("-i", "--ik", required=True, help="the Ledger's idempotency key")
    create.add_argument("-n", "--name", required=True, help="the Ledger's name")
    create.add_argument(
        "-s", "--schema", default=SCHEMA_FILE, help="the Schema file whose key names the Schema"
    )
    reaches_the_api(create, create_ledger)


async def create_ledger(context: Context) -> None:
    """Creates a Ledger of the Schema whose key stands in the file."""
    arguments = context.arguments
    document = read_schema_file(context.path(arguments.schema), context.world.variables)
    if not isinstance(document.get("key"), str):
        raise CommandFailure(f"{arguments.schema} has no key")
    asked = {
        "ik": arguments.ik,
        "ledger": {"name": arguments.name},
        "schema": {"key": document["key"]},
    }
    async with context.api() as api:
        result = await mutate(api, CREATE, asked)
    context.say_json({"isIkReplay": result["isIkReplay"], "ledger": result["ledger"]})
