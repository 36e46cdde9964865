"""A shop with natural keys, for real data: invoices and credit notes of the *Online Retail* data set.

python -m samples.retail.convert FILE.csv.gz | cqrs --app samples.retail:domain send --batch - --allow-rejected
"""

from cqrs_cli import Domain

from .paper import CreditNote, Invoice
from .read_models import CountryRevenue, CustomerRevenue, DailyRevenue, ProductSales, TopCustomers, TopProducts

domain = Domain(
    "retail",
    Invoice,
    CreditNote,
    CountryRevenue,
    DailyRevenue,
    ProductSales,
    CustomerRevenue,
    TopProducts,
    TopCustomers,
)
