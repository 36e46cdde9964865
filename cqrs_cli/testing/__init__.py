"""For whoever writes a store: the suites of the contract. They want pytest and hypothesis, which `cqrs` does not.

docs/stores.md shows how a test module uses them. Import this package before its modules, as any import does, and
pytest explains their asserts.
"""

import pytest

pytest.register_assert_rewrite(*(f"{__name__}.{module}" for module in ("store_contract", "rows_contract", "races")))
