"""The suite of the contract is a module, not a test file: its asserts are to be explained all the same."""

import pytest

pytest.register_assert_rewrite(
    "tests.stores.contract", "tests.stores.rows_contract", "tests.stores.races", "tests.faults.crashes"
)
