"""What tests of Links ask of the API, as documents and in Python."""

from typing import Any

from shared.search.documents import tx_documents
from shared.store.items import tx_from_item
from shared.store.table import TableName
from shared.testing.memory import MemoryTable
from tests.read_rig import WORKSPACE
from tests.write_api_rig import WriteRig

TX = """id externalId accountId externalAccountId linkId amount currency { code customCurrencyId }
  description posted date sequence isDeleted deletedAt ledgerEntryIds ledgerLineIds"""
ACCOUNT = "id externalId linkId name currencyMode currency { code customCurrencyId }"
CREATE_LINK = """mutation create($ik: SafeString!, $name: String!) {
  createCustomLink(ik: $ik, name: $name) {
    __typename
    ... on CreateCustomLinkResult { isIkReplay link { __typename id name created dashboardUrl } }
    ... on Error { code message retryable }
  }
}"""
SYNC_ACCOUNTS = f"""mutation sync($link: LinkMatchInput!, $accounts: [CustomAccountInput!]!) {{
  syncCustomAccounts(link: $link, accounts: $accounts) {{
    __typename
    ... on SyncCustomAccountsResult {{ accounts {{ {ACCOUNT} }} }}
    ... on Error {{ code message retryable }}
  }}
}}"""
SYNC_TXS = f"""mutation sync($link: LinkMatchInput!, $txs: [CustomTxInput!]!) {{
  syncCustomTxs(link: $link, txs: $txs) {{
    __typename
    ... on SyncCustomTxsResult {{ txs {{ {TX} }} }}
    ... on Error {{ code message retryable }}
  }}
}}"""
DELETE_TXS = f"""mutation delete($txs: [ID!]!) {{
  deleteCustomTxs(txs: $txs) {{
    __typename
    ... on DeleteCustomTxsResult {{ txs {{ tx {{ {TX} }} }} }}
    ... on Error {{ code message retryable }}
  }}
}}"""
GET_TX = f"query tx($tx: TxMatchInput!) {{ tx(tx: $tx) {{ {TX} }} }}"
GET_ACCOUNT = f"""query account($match: ExternalAccountMatchInput!) {{
  externalAccount(externalAccount: $match) {{ {ACCOUNT} link {{ __typename id name }} }}
}}"""
LIST_TXS = f"""query txs(
  $match: ExternalAccountMatchInput!, $first: Int, $after: String, $last: Int, $before: String
) {{
  externalAccount(externalAccount: $match) {{
    txs(first: $first, after: $after, last: $last, before: $before) {{
      nodes {{ {TX} externalAccount {{ name }} link {{ name }} }}
      pageInfo {{ hasNextPage endCursor hasPreviousPage startCursor }}
    }}
  }}
}}"""
BANK = {"ik": "bank"}


def tx(
    external_id: str, amount: int = 100, account: str = "checking", **more: Any
) -> dict[str, Any]:
    """A CustomTxInput."""
    given = {"posted": "2024-03-05T07:00:00.000Z", "description": f"Tx {external_id}", **more}
    return {
        "externalId": external_id,
        "amount": str(amount),
        "account": {"externalId": account},
        **given,
    }


class LinkRig(WriteRig):
    """A write service that is asked about Links."""

    async def mutate(self, document: str, as_workspace: str = WORKSPACE, **asked: Any) -> Any:
        """The one result of a mutation."""
        (result,) = (await self.ask(document, as_workspace, **asked)).data.values()
        return result

    async def link(self, ik: str = "bank", as_workspace: str = WORKSPACE) -> Any:
        return (await self.mutate(CREATE_LINK, as_workspace, ik=ik, name=f"Link {ik}"))["link"]

    async def sync_accounts(self, *accounts: dict[str, Any], link: Any = BANK) -> Any:
        return await self.mutate(SYNC_ACCOUNTS, link=link, accounts=list(accounts))

    async def sync(
        self, *txs: dict[str, Any], link: Any = BANK, as_workspace: str = WORKSPACE
    ) -> Any:
        return await self.mutate(SYNC_TXS, as_workspace, link=link, txs=list(txs))

    async def synced(self, *txs: dict[str, Any]) -> list[Any]:
        """The Txs of a sync that must be accepted."""
        result = await self.sync(*txs)
        assert result["__typename"] == "SyncCustomTxsResult", result
        return list(result["txs"])

    async def delete(self, *ids: str, as_workspace: str = WORKSPACE) -> Any:
        return await self.mutate(DELETE_TXS, as_workspace, txs=list(ids))

    async def bank(self, *accounts: str) -> Any:
        """A Link with accounts in USD, `checking` if none are named."""
        link = await self.link()
        names = accounts or ("checking",)
        given = [{"externalId": each, "name": f"Account {each}"} for each in names]
        assert (await self.sync_accounts(*given))["__typename"] == "SyncCustomAccountsResult"
        return link

    async def index_txs(self) -> None:
        """Brings every Tx to the index, as the indexer does."""
        memory = self.table._table
        assert isinstance(memory, MemoryTable)
        for item in memory.dump(TableName.LEDGER):
            if str(item["pk"])[:2] == "T#":
                await self.index.bulk(tx_documents(tx_from_item(item)))
