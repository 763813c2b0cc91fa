"""Documents: limits, each with its error, and a cache that is bounded."""

from collections import Counter

import orjson
import pytest
from graphql import ScalarLeafsRule, get_introspection_query

from shared.graphql.documents import Documents, Operation
from shared.graphql.execution import Execution
from shared.graphql.failures import Failures
from shared.limits import ANSWER_KEPT_BYTES_MAX, DOCUMENT_CHARS_MAX
from shared.observe import EventLog
from tests.graphql_rig import codes, messages, schema_with

SCHEMA = schema_with()
PLAIN = "{ workspace { id } }"


@pytest.fixture
def documents() -> Documents:
    return Documents(SCHEMA)


def nested(levels: int) -> str:
    """A query of `levels` levels of fields."""
    below = "{ parentLedgerAccount " * (levels - 2) + "{ id }" + " }" * (levels - 2)
    return f'{{ ledgerAccount(ledgerAccount: {{id: "a"}}) {below} }}'


TOO_MUCH = {
    "document_too_long": "{ workspace { id } }" + " " * DOCUMENT_CHARS_MAX,
    "too_many_tokens": "{ workspace { " + "id " * 20_000 + "} }",
    "syntax_error": "{ workspace { id }",
    "too_many_definitions": "fragment f on Query { workspace { id } } " * 101,
    "query_too_deep": nested(21),
    "too_many_fields": "{ "
    + " ".join(
        f"a{i}: ledgers {{ nodes {{ {' '.join(['id ik name'] * 20)} }} }}" for i in range(40)
    )
    + " }",
    "too_many_repeated_fields": "{ workspace { " + "id " * 200 + "} }",
    "too_many_aliases": "{ workspace { " + " ".join(f"a{i}: id" for i in range(201)) + " } }",
    "too_many_root_fields": "{ " + "__typename " * 51 + "}",
    "json_too_deep": 'mutation { instantiateLedgerAccount(ledger: {}, path: "a", parameters: {a: '
    + "[" * 51
    + "]" * 51
    + "}) { __typename } }",
    "validation_failed": "{ workspace { nobody } }",
}


@pytest.mark.parametrize("code", TOO_MUCH)
def test_each_limit_has_its_own_error(documents: Documents, code: str) -> None:
    errors = documents.operation(TOO_MUCH[code], None)
    assert codes(errors) == [code]
    assert len(documents) == 0


def test_what_is_just_within_the_limits_is_accepted(documents: Documents) -> None:
    for document in (
        nested(20),
        "{ workspace { " + " ".join(f"a{i}: id" for i in range(200)) + " } }",
        "{ " + "__typename " * 50 + "}",
        "{ workspace { id } }" + " " * (DOCUMENT_CHARS_MAX - len(PLAIN)),
        "{ workspace { " + "id " * 140 + "} }",
    ):
        assert isinstance(documents.operation(document, None), Operation)


@pytest.mark.parametrize(
    "document, code",
    [
        ("{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }", "validation_failed"),
        ("{ ...a } fragment a on Query { ...a }", "validation_failed"),
        (
            "{ ...a } fragment a on Query { __typename } fragment a on Query { ...a nobody }",
            "validation_failed",
        ),
        (
            "{ ...a } fragment a on Query { ...a nobody } fragment a on Query { __typename }",
            "validation_failed",
        ),
        (
            "{ ...b } fragment a on Query { __typename } fragment b on Query { ...a }"
            " fragment a on Query { ...b }",
            "validation_failed",
        ),
        (
            "{ ...f0 } "
            + " ".join(
                f"fragment f{i} on Query {{ a{i}: workspace {{ id }} ...f{i + 1}"
                f" x: workspace {{ ...w }} ...f{i + 1} }}"
                for i in range(60)
            )
            + " fragment f60 on Query { workspace { id } } fragment w on Workspace { id }",
            "too_many_fields",
        ),
        ("{ " + "... on Query { " * 200 + "__typename" + " }" * 200 + " }", "query_too_deep"),
        ("{ a" * 3_000, "query_too_deep"),
        (
            "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }",
            "validation_failed",
        ),
        ("subscription { a }", "validation_failed"),
        ("type A { a: Int }", "validation_failed"),
        ("", "syntax_error"),
        ("fragment f on Query { workspace { id } }", "validation_failed"),
    ],
)
def test_documents_made_to_hurt_are_refused(documents: Documents, document: str, code: str) -> None:
    assert set(codes(documents.operation(document, None))) == {code}


def test_tangled_fragments_are_refused_even_if_no_rule_tells_why(
    documents: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.graphql.documents._TANGLES", (ScalarLeafsRule,))
    for second in ("...a", "__typename"):
        document = (
            f"{{ ...a }} fragment a on Query {{ __typename }} fragment a on Query {{ {second} }}"
        )
        assert codes(documents.operation(document, None)) == ["validation_failed"]
    assert len(documents) == 0


def test_the_introspection_that_tools_send_is_accepted(documents: Documents) -> None:
    operation = documents.operation(get_introspection_query(descriptions=True), None)
    assert isinstance(operation, Operation)
    assert operation.label == "introspection"
    assert operation.is_constant


def test_at_most_twenty_violations_are_told(documents: Documents) -> None:
    document = "{ workspace { " + " ".join(f"nobody{i}" for i in range(100)) + " } }"
    assert len(messages(documents.operation(document, None))) == 21


def test_an_operation_is_found_by_its_name(documents: Documents) -> None:
    document = "query a { workspace { id } } mutation b { deleteCustomTxs(txs: []) { __typename } }"
    first, second = documents.operation(document, "a"), documents.operation(document, "b")
    assert isinstance(first, Operation)
    assert isinstance(second, Operation)
    assert (first.label, first.is_mutation) == ("workspace", False)
    assert (second.label, second.is_mutation) == ("deleteCustomTxs", True)
    assert codes(documents.operation(document, None)) == ["operation_not_found"]
    assert codes(documents.operation(document, "c")) == ["operation_not_found"]
    assert codes(documents.operation(PLAIN, "c")) == ["operation_not_found"]


def test_metrics_call_an_operation_by_its_root_field_alone(documents: Documents) -> None:
    labels = {
        "query Whatever { alias: workspace { id } }": "workspace",
        "{ ...f } fragment f on Query { workspace { id } }": "workspace",
        "{ workspace { id } links { pageInfo { hasNextPage } } }": "several",
        "query($no: Boolean!) { workspace @skip(if: $no) { id } }": "workspace",
        "{ __typename }": "introspection",
    }
    for document, label in labels.items():
        operation = documents.operation(document, None)
        assert isinstance(operation, Operation)
        assert operation.label == label


def test_a_document_is_prepared_once() -> None:
    told: Counter[str] = Counter()
    documents = Documents(SCHEMA, count=lambda result: told.update([result]))
    first = documents.operation(PLAIN, None)
    assert documents.operation(PLAIN, None) is first
    documents.operation("{ nobody }", None)
    documents.operation("{ nobody }", None)
    assert told == {"prepared": 1, "refused": 2}


def test_the_cache_drops_what_was_not_asked_for_longest() -> None:
    documents = Documents(SCHEMA, cached_max=2)
    texts = [f"query q{i} {{ workspace {{ id }} }}" for i in range(3)]
    first, second = (documents.operation(text, None) for text in texts[:2])
    assert documents.operation(texts[0], None) is first
    documents.operation(texts[2], None)
    assert len(documents) == 2
    assert documents.operation(texts[0], None) is first
    assert documents.operation(texts[1], None) is not second


def test_the_cache_is_bounded_in_characters_too() -> None:
    documents = Documents(SCHEMA, cached_chars_max=1_000)
    for i in range(10):
        document = f"query q{i} {{ workspace {{ id }} }}" + " " * 300
        assert isinstance(documents.operation(document, None), Operation)
        assert len(documents) <= 3
    huge = PLAIN + " " * 1_001
    assert isinstance(documents.operation(huge, None), Operation)
    assert len(documents) == 0


# --- Answers that are kept ------------------------------------------------------------------------
def constant(documents: Documents, name: str, spaces: int = 0) -> Operation:
    operation = documents.operation(f"query {name} {{ __typename }}" + " " * spaces, None)
    assert isinstance(operation, Operation)
    return operation


@pytest.mark.parametrize("descriptions", [False, True])
async def test_the_answers_to_the_introspections_of_tools_are_kept(
    documents: Documents, descriptions: bool
) -> None:
    document = get_introspection_query(
        descriptions=descriptions,
        specified_by_url=True,
        directive_is_repeatable=True,
        schema_description=True,
        input_value_deprecation=True,
    )
    operation = documents.operation(document, None)
    assert isinstance(operation, Operation)
    data = await Execution(operation, {}, None, Failures(EventLog("test"), "id")).run()
    answer = orjson.dumps({"data": data})
    documents.keep_answer(operation, answer)
    assert operation.answer == answer
    assert documents.answers_bytes == len(answer)


def test_an_answer_that_is_too_large_or_may_change_is_not_kept(documents: Documents) -> None:
    operation = constant(documents, "a")
    documents.keep_answer(operation, b"x" * (ANSWER_KEPT_BYTES_MAX + 1))
    changing = documents.operation(PLAIN, None)
    assert isinstance(changing, Operation)
    documents.keep_answer(changing, b"x")
    assert (operation.answer, changing.answer, documents.answers_bytes) == (None, None, 0)
    documents.keep_answer(operation, b"x" * ANSWER_KEPT_BYTES_MAX)
    assert documents.answers_bytes == ANSWER_KEPT_BYTES_MAX


def test_the_oldest_answers_make_room_for_new_ones() -> None:
    documents = Documents(SCHEMA, answers_bytes_max=10)
    first, second, third = (constant(documents, name) for name in "abc")
    for operation in (first, second, third, second):
        documents.keep_answer(operation, b"12345")
    assert (first.answer, second.answer, third.answer) == (None, b"12345", b"12345")
    assert documents.answers_bytes == 10
    documents.keep_answer(first, b"1")
    assert (first.answer, second.answer, third.answer) == (b"1", b"12345", None)
    assert documents.answers_bytes == 6


def test_an_answer_goes_with_its_document_and_is_not_kept_without_it() -> None:
    documents = Documents(SCHEMA, cached_max=1, cached_chars_max=1_000)
    first = constant(documents, "a")
    documents.keep_answer(first, b"12345")
    second = constant(documents, "b")
    assert (first.answer, documents.answers_bytes) == (None, 0)
    documents.keep_answer(first, b"12345")
    never_cached = constant(documents, "c", spaces=1_000)
    for operation in (first, second, never_cached):
        documents.keep_answer(operation, b"12345")
        assert operation.answer is None
    assert documents.answers_bytes == 0
