"""What stands at the end of a command's help: two or three lines to copy, for the project that `cqrs init` makes.

`tests/cli/shell/test_examples.py` runs each of them, in this order.
"""

EXAMPLES = {
    "init": ("cqrs init shop", "cqrs init --help"),
    "send": (
        "cqrs send add-product --sku pen --name Pen --price 1.50",
        "cqrs send receive-stock --sku pen --quantity 10 --as ada --command-id delivery-17",
        "cqrs send sell-product --sku pen --quantity 3 --dry-run",
    ),
    "run": ("cqrs run --once", "cqrs run --status", "cqrs run --failed --json"),
    "log": (
        "cqrs log product-pen --last 5",
        "cqrs log --user ada --since 2h",
        'cqrs log --where "data.quantity > 5 and type = StockReceived" --jsonl',
    ),
    "show": ("cqrs show @1", "cqrs show product-pen@2", "cqrs show delivery-17 --json"),
    "streams": ("cqrs streams product", "cqrs streams --order -version -n 10", "cqrs streams 'product-p*' --json"),
    "stats": ("cqrs stats", "cqrs stats --by day", 'cqrs stats --by user --where "data.quantity > 5"'),
    "trace": ("cqrs trace delivery-17", "cqrs trace @1 --format mermaid"),
    "replay": ("cqrs replay product-pen", "cqrs replay product-pen@1 --json", "cqrs replay product-pen --steps"),
    "snapshot": ("cqrs snapshot list", "cqrs snapshot take product-pen", "cqrs replay --verify"),
    "project": ("cqrs project product-sales", "cqrs project --status", "cqrs project --check"),
    "query": (
        "cqrs query best-sellers --min-revenue 0",
        "cqrs query product-sales --where \"revenue >= 1 or name like 'P%'\" --order=-revenue",
        "cqrs query product-sales --limit 10 --json",
    ),
    "sql": (
        'cqrs sql "SELECT type, count(*) AS n FROM event_log GROUP BY type"',
        'cqrs sql "SELECT * FROM product_sales WHERE sku = :sku" --param sku=pen',
    ),
    "schema": ("cqrs schema add-product", "cqrs schema add-product --example"),
    "doctor": ("cqrs doctor", "cqrs doctor --json"),
    "config": ("cqrs config", "CQRS_FORMAT=json cqrs config"),
    "demo": ("cqrs demo",),
}
"""By command."""
