"""Every operation of the official Python client that is built has a test that calls it."""

from infra.conformance import PAYMENTS, RECONCILIATION, python_tests, shipped_operations


def test_every_operation_has_a_test_or_waits_for_links_or_payments() -> None:
    shipped = set(shipped_operations())
    assert len(shipped) == 46
    assert shipped >= RECONCILIATION | PAYMENTS
    assert shipped - RECONCILIATION - PAYMENTS == set(python_tests()) - RECONCILIATION - PAYMENTS
