"""The rules of the shop, as scenarios: given what happened, when someone asks, then this. Run: pytest"""

from decimal import Decimal

from cqrs_cli import Scenario
from shop import AddProduct, ProductAdded, ProductSold, SellProduct, StockReceived, domain

PEN = ProductAdded(name="Pen", price=Decimal("1.50"))


def test_a_product_is_added() -> None:
    Scenario(domain).when(AddProduct(sku="pen", name="Pen", price=Decimal("1.50"))).then(PEN)


def test_a_sale_costs_the_price_of_each_piece() -> None:
    (
        Scenario(domain)
        .given(PEN, StockReceived(quantity=10))
        .when(SellProduct(sku="pen", quantity=2))
        .then(ProductSold(quantity=2, amount=Decimal("3.00")))
    )


def test_what_is_not_in_stock_is_not_sold() -> None:
    (
        Scenario(domain)
        .given(PEN, StockReceived(quantity=1))
        .when(SellProduct(sku="pen", quantity=2))
        .then_rejected("out-of-stock")
    )
