"""What is sealed opens with the same secret and context, and with nothing else."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sealing import SealBroken, Sealer
from shared.errors import ConfigurationError

ONE = "first-secret-of-the-deployment-0123456789"
TWO = "second-secret-of-the-deployment-987654321"


@given(st.text(), st.text(st.characters(exclude_categories=["Cs"])))
def test_what_is_sealed_opens(text: str, context: str) -> None:
    sealer = Sealer(ONE)
    text = text.encode(errors="ignore").decode()
    sealed = sealer.seal(text, context)
    assert sealer.open(sealed, context) == text
    assert sealer.seal(text, context) != sealed


def test_a_sealed_text_shows_nothing_and_opens_in_its_place_alone() -> None:
    sealed = Sealer(ONE).seal("rk_live_secret", "link.key")
    assert "rk_live" not in sealed
    assert b"rk_live" not in base64.urlsafe_b64decode(sealed.split(".")[2])
    for context in ("link.webhook", "other.key", ""):
        with pytest.raises(SealBroken):
            Sealer(ONE).open(sealed, context)


def test_another_secret_opens_nothing() -> None:
    with pytest.raises(SealBroken, match="no secret of TWOFOLD_LINK_SECRET opens it"):
        Sealer(TWO).open(Sealer(ONE).seal("x", "c"), "c")


def test_secrets_are_changed_by_putting_the_new_one_first() -> None:
    old, both, new = Sealer(ONE), Sealer(f"{TWO}, {ONE}"), Sealer(TWO)
    sealed = old.seal("x", "c")
    assert both.open(sealed, "c") == "x"
    assert not both.is_newest(sealed)
    again = both.seal(both.open(sealed, "c"), "c")
    assert both.is_newest(again)
    assert new.open(again, "c") == "x"
    with pytest.raises(SealBroken):
        old.open(again, "c")


@given(st.data())
def test_a_text_that_was_changed_opens_nowhere(data: st.DataObject) -> None:
    sealed = Sealer(ONE).seal("a key", "c")
    place = data.draw(st.integers(0, len(sealed) - 1))
    other = data.draw(st.characters(codec="ascii").filter(lambda each: each != sealed[place]))
    changed = sealed[:place] + other + sealed[place + 1 :]
    try:
        assert Sealer(ONE).open(changed, "c") == "a key"  # base64's last bits may stay unread
        assert place >= len(sealed) - 3
    except SealBroken:
        pass


@pytest.mark.parametrize("text", ["", " , ", "short", f"{ONE},short", ",".join([ONE] * 11)])
def test_secrets_that_can_not_work_are_refused_and_not_shown(text: str) -> None:
    with pytest.raises(ConfigurationError, match="TWOFOLD_LINK_SECRET") as refused:
        Sealer(text)
    assert "short" not in str(refused.value)
    assert ONE not in str(refused.value)
