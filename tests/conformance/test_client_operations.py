"""Every operation of the official Python client that is built has a test that calls it."""

from infra.conformance import PAYMENTS, python_tests, shipped_operations


def test_every_operation_has_a_test_or_waits_for_payments() -> None:
    shipped = set(shipped_operations())
    assert len(shipped) == 46
    assert shipped > PAYMENTS
    assert shipped - PAYMENTS == set(python_tests()) - PAYMENTS
