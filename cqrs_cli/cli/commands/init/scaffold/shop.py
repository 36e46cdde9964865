"""A small shop, to be changed into a domain of your own: one aggregate, one read model, one query."""

from decimal import Decimal

from pydantic import Field, PositiveInt

from cqrs_cli import Aggregate, Command, Domain, Event, Page, Projection, Query, Read, Rejected, Where, decide, evolve

# ── commands: what people ask for ─────────────────────────────────────────────────────────────


class AddProduct(Command):
    """Put a product on the list, with nothing of it in stock yet."""

    sku: str
    name: str
    price: Decimal = Field(gt=0)


class ReceiveStock(Command):
    """Pieces of a product arrive."""

    sku: str
    quantity: PositiveInt


class SellProduct(Command):
    """Sell pieces of a product at its price."""

    sku: str
    quantity: PositiveInt


# ── events: what happened, kept for ever ──────────────────────────────────────────────────────


class ProductAdded(Event):
    name: str
    price: Decimal


class StockReceived(Event):
    quantity: int


class ProductSold(Event):
    quantity: int
    amount: Decimal


# ── the aggregate: the state that the rules need, and the rules ───────────────────────────────


class Product(Aggregate, key="sku"):
    """A product; its stream is `product-<sku>`."""

    sku: str
    name: str = ""
    price: Decimal = Decimal(0)
    in_stock: int = 0

    @decide(creates=True)
    def add(self, command: AddProduct) -> ProductAdded:
        return ProductAdded(name=command.name, price=command.price)

    @decide
    def receive(self, command: ReceiveStock) -> StockReceived:
        return StockReceived(quantity=command.quantity)

    @decide
    def sell(self, command: SellProduct) -> ProductSold:
        if command.quantity > self.in_stock:
            raise Rejected(f"{self.name}: {self.in_stock} in stock, {command.quantity} wanted", code="out-of-stock")
        return ProductSold(quantity=command.quantity, amount=command.quantity * self.price)

    @evolve
    def added(self, event: ProductAdded) -> None:
        self.name = event.name
        self.price = event.price

    @evolve
    def received(self, event: StockReceived) -> None:
        self.in_stock += event.quantity

    @evolve
    def sold(self, event: ProductSold) -> None:
        self.in_stock -= event.quantity


# ── the read side: a table and a question to it ───────────────────────────────────────────────


class ProductSales(Projection, key="sku", version=1):
    """The table `product_sales`: one row a product."""

    sku: str
    name: str = ""
    in_stock: int = 0
    sold: int = 0
    revenue: Decimal = Decimal(0)

    @evolve
    def product_added(self, event: ProductAdded) -> None:
        self.name = event.name

    @evolve
    def stock_received(self, event: StockReceived) -> None:
        self.in_stock += event.quantity

    @evolve
    def product_sold(self, event: ProductSold) -> None:
        self.in_stock -= event.quantity
        self.sold += event.quantity
        self.revenue += event.amount


class BestSellers(Query[ProductSales]):
    """Products by revenue, the best first: `cqrs query best-sellers`."""

    min_revenue: Decimal = Decimal(0)

    def run(self, read: Read) -> Page[ProductSales]:
        return read.page(ProductSales, where=[Where("revenue", ">", self.min_revenue)], order="-revenue")


domain = Domain("shop", Product, ProductSales, BestSellers)
