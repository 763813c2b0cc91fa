"""Parameters of one post: all that the type needs and no others, of the right form."""

from dataclasses import dataclass
from typing import Any

from shared.errors import RejectionError
from shared.ledger.amounts import parse_int96
from shared.ledger.rejections import reject
from shared.ledger.schemas import EntryType, element_parameters
from shared.ledger.strings import safe_string_problem, text_problem
from shared.limits import LINES_PER_ENTRY_MAX, PARAMETER_CHARS_MAX, PARAMETERS_PER_ENTRY_MAX


@dataclass(frozen=True, slots=True)
class ParameterValues:
    """`texts` fill in strings, `amounts` expressions; `elements` are those of the array
    parameters."""

    texts: dict[str, str]
    amounts: dict[str, int]
    elements: dict[str, list["ParameterValues"]]
    given: dict[str, Any]  # as they are kept with the entry


def shown(value: object) -> str:
    """A value as it may stand in a message: short."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def parameter_text(name: str, value: object) -> str:
    """The text of a parameter; whole numbers are taken as their digits."""
    if isinstance(value, str):
        if len(value) > PARAMETER_CHARS_MAX:
            rule = f"at most {PARAMETER_CHARS_MAX} characters"
            raise RejectionError(
                reject("invalid_parameter", name=name, rule=rule, value=f"{len(value)} characters")
            )
        problem = text_problem(value, PARAMETER_CHARS_MAX) if value else None
        if problem is not None:
            raise RejectionError(
                reject("invalid_parameter", name=name, rule=problem, value=shown(value))
            )
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        if not -(10**PARAMETER_CHARS_MAX) < value < 10**PARAMETER_CHARS_MAX:
            rule = f"at most {PARAMETER_CHARS_MAX} digits"
            raise RejectionError(
                reject("invalid_parameter", name=name, rule=rule, value="a longer number")
            )
        return str(value)
    rule = "a string (amounts too: whole minor units, in quotes)"
    raise RejectionError(reject("invalid_parameter", name=name, rule=rule, value=shown(value)))


def _amount(name: str, text: str) -> int:
    amount = parse_int96(text)
    if amount is None:
        rule = "an integer within Int96, in minor units"
        raise RejectionError(reject("invalid_parameter", name=name, rule=rule, value=shown(text)))
    return amount


def check_parameters(
    entry_type: EntryType, given: dict[str, Any], path_parameters: tuple[str, ...]
) -> ParameterValues:
    """Values to fill the type's templates with. Raises RejectionError."""
    if len(given) > PARAMETERS_PER_ENTRY_MAX:
        raise RejectionError(
            reject(
                "too_many_items", where="parameters", count=len(given), max=PARAMETERS_PER_ENTRY_MAX
            )
        )
    needed = entry_type.parameters
    for name in given:
        if name not in needed and name not in entry_type.repeated:
            raise RejectionError(
                reject("unknown_parameter", name=shown(name), type=entry_type.type)
            )
    texts = dict(entry_type.fixed)
    for name in needed:
        if name in entry_type.repeated:
            continue
        if name not in given:
            where = f"the entry type {entry_type.type}"
            raise RejectionError(reject("missing_parameter", name=name, where=where))
        texts[name] = parameter_text(name, given[name])
    elements = {name: _elements(entry_type, name, given) for name in entry_type.repeated}
    amounts = {
        name: _amount(name, texts[name]) for name in entry_type.amount_parameters if name in texts
    }
    _check_paths(path_parameters, texts, elements)
    merged = {**entry_type.fixed, **given} if entry_type.fixed else given
    kept = [_with_outer(texts, amounts, values) for values in elements.values()]
    return ParameterValues(texts, amounts, dict(zip(elements, kept, strict=True)), merged)


def _elements(entry_type: EntryType, name: str, given: dict[str, Any]) -> list[ParameterValues]:
    """The elements of one array parameter, their fields under dotted names."""
    if name not in given:
        where = f"the entry type {entry_type.type}"
        raise RejectionError(reject("missing_parameter", name=name, where=where))
    array = given[name]
    fields = entry_type.repeated[name]
    rule = f"a list of at most {LINES_PER_ENTRY_MAX} objects with {', '.join(sorted(fields))}"
    if not isinstance(array, list) or len(array) > LINES_PER_ENTRY_MAX:
        raise RejectionError(reject("invalid_parameter", name=name, rule=rule, value=shown(array)))
    values: list[ParameterValues] = []
    for place, element in enumerate(array):
        if not isinstance(element, dict) or set(element) != fields:
            at = f"{name}[{place}]"
            raise RejectionError(
                reject("invalid_parameter", name=at, rule=rule, value=shown(element))
            )
        plain = {
            field: parameter_text(f"{name}[{place}].{field}", value)
            for field, value in element.items()
        }
        texts = element_parameters(name, plain)
        amounts = {
            dotted: _amount(f"{name}[{place}]{dotted[len(name) :]}", text)
            for dotted, text in texts.items()
            if dotted in entry_type.amount_parameters
        }
        values.append(ParameterValues(texts, amounts, {}, {}))
    return values


def _with_outer(
    texts: dict[str, str], amounts: dict[str, int], values: list[ParameterValues]
) -> list[ParameterValues]:
    """Within a repeated line the entry's own parameters can be used too."""
    return [
        ParameterValues({**texts, **each.texts}, {**amounts, **each.amounts}, {}, {})
        for each in values
    ]


def _check_paths(
    names: tuple[str, ...],
    texts: dict[str, str],
    elements: dict[str, list[ParameterValues]],
) -> None:
    for name in names:
        found = [texts[name]] if name in texts else []
        for values in elements.values():
            found.extend(each.texts[name] for each in values if name in each.texts)
        for text in found:
            problem = safe_string_problem(text)
            if problem is not None:
                rule = f"{problem}, because it stands in an account path"
                raise RejectionError(
                    reject("invalid_parameter", name=name, rule=rule, value=shown(text))
                )
