"""add-ledger-entry, reverse-ledger-entry."""

from argparse import ArgumentTypeError

from cli.client import mutate
from cli.context import Context
from cli.failures import CommandFailure
from cli.parsers import Commands, reaches_the_api

ADD = """
mutation AddLedgerEntry($ik: SafeString!, $entry: LedgerEntryInput!) {
  addLedgerEntry(ik: $ik, entry: $entry) {
    __typename
    ... on AddLedgerEntryResult {
      isIkReplay
      entry { id ik type typeVersion posted description }
      lines { account { path } amount currency { code customCurrencyId } }
    }
    ... on Error { code message retryable }
  }
}
"""
REVERSE = """
mutation ReverseLedgerEntry($id: ID!) {
  reverseLedgerEntry(id: $id) {
    __typename
    ... on ReverseLedgerEntryResult {
      isIkReplay
      reversingLedgerEntry { id ik type posted }
      reversedLedgerEntry { id ik type posted }
    }
    ... on Error { code message retryable }
  }
}
"""


def add_commands(commands: Commands) -> None:
    """Adds both commands."""
    add = commands.add_parser("add-ledger-entry", help="post an entry of a type of the Schema")
    add.add_argument("-i", "--ik", required=True, help="the entry's idempotency key")
    add.add_argument(
        "-l", "--ledger.ik", dest="ledger_ik", required=True, help="the Ledger's idempotency key"
    )
    add.add_argument("-t", "--type", required=True, help="the entry type")
    add.add_argument(
        "-n", "--type.version", dest="type_version", type=int, help="its version; 1 when left out"
    )
    add.add_argument(
        "-p", "--param", action="append", default=[], type=_pair, metavar="KEY=VALUE",
        help="a parameter of the type; repeatable",
    )  # fmt: skip
    reaches_the_api(add, add_ledger_entry)
    reverse = commands.add_parser("reverse-ledger-entry", help="post the opposite of an entry")
    reverse.add_argument("--id", required=True, help="the entry's id")
    reaches_the_api(reverse, reverse_ledger_entry)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    return name, value


async def add_ledger_entry(context: Context) -> None:
    """Posts one typed entry."""
    arguments = context.arguments
    parameters = dict(arguments.param)
    if len(parameters) < len(arguments.param):
        raise CommandFailure("a parameter is given twice")
    entry = {
        "ledger": {"ik": arguments.ledger_ik},
        "type": arguments.type,
        "typeVersion": arguments.type_version,
        "parameters": parameters,
    }
    async with context.api() as api:
        result = await mutate(api, ADD, {"ik": arguments.ik, "entry": entry})
    del result["__typename"]
    context.say_json(result)


async def reverse_ledger_entry(context: Context) -> None:
    """Reverses one entry."""
    async with context.api() as api:
        result = await mutate(api, REVERSE, {"id": context.arguments.id})
    del result["__typename"]
    context.say_json(result)
