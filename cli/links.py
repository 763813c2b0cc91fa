"""create-link: the Custom Link that a bank's statements are synced into."""

from cli.client import mutate
from cli.context import Context
from cli.parsers import Commands, reaches_the_api

CREATE = """
mutation CreateCustomLink($ik: SafeString!, $name: String!) {
  createCustomLink(ik: $ik, name: $name) {
    __typename
    ... on CreateCustomLinkResult { isIkReplay link { __typename id name created } }
    ... on Error { code message retryable }
  }
}
"""


def add_commands(commands: Commands) -> None:
    """Adds the command."""
    create = commands.add_parser("create-link", help="create a Custom Link")
    create.add_argument("-i", "--ik", required=True, help="the Link's idempotency key")
    create.add_argument("-n", "--name", required=True, help="the Link's name")
    reaches_the_api(create, create_link)


async def create_link(context: Context) -> None:
    """Creates a Custom Link, or shows the one that the ik has made."""
    arguments = context.arguments
    async with context.api() as api:
        result = await mutate(api, CREATE, {"ik": arguments.ik, "name": arguments.name})
    context.say_json({"isIkReplay": result["isIkReplay"], "link": result["link"]})
