"""What stands at the end of a command's help: two or three lines to copy, for the project that `cqrs init` makes.

`tests/cli/shell/test_examples.py` runs each of them, in this order.
"""

EXAMPLES = {
    "init": ("cqrs init shop", "cqrs init --app-only backoffice"),
    "send": (
        "cqrs send add-product --sku pen --name Pen --price 1.50",
        "cqrs send receive-stock --sku pen --quantity 10 --as ada --command-id delivery-17",
        "cqrs send sell-product --sku pen --quantity 3 --dry-run --explain",
    ),
    "run": ("cqrs run --once", "cqrs run --deadlines", "cqrs run --failed --json"),
    "serve": ("cqrs serve", "cqrs serve --port 0 --read-only --jsonl", "cqrs serve --run --readers 2"),
    "log": (
        "cqrs log product-pen --last 5 --wide",
        "cqrs log --user ada --since yesterday --local",
        'cqrs log --where "data.quantity > 5 and type = StockReceived" --jsonl',
    ),
    "watch": ("cqrs watch", "cqrs watch product-pen", "cqrs watch --category product --type StockReceived --lines 5"),
    "show": ("cqrs show @1", "cqrs show product-pen@2 --json", "cqrs show @2 --generic"),
    "streams": ("cqrs streams product", "cqrs streams --order -version -n 10", "cqrs streams 'product-p*' --json"),
    "stats": ("cqrs stats", "cqrs stats --by day", 'cqrs stats --by user --where "data.quantity > 5"'),
    "trace": ("cqrs trace delivery-17", "cqrs trace product-pen", "cqrs trace @1 --format mermaid"),
    "replay": (
        "cqrs replay product-pen",
        "cqrs replay product-pen@1 --generic --json",
        "cqrs replay product-pen --steps -n 5 --reverse",
    ),
    "blame": (
        "cqrs blame product-pen",
        "cqrs blame product-pen --history in-stock",
        "cqrs blame product-sales/pen revenue --json",
    ),
    "bisect": (
        'cqrs bisect product-pen "state.in_stock >= 0"',
        'cqrs bisect --all product "state.in_stock >= before.in_stock or type = ProductSold"',
        'cqrs bisect --rows product-sales "row.sold >= 0" --json',
    ),
    "diff": (
        "cqrs diff product-pen@1 product-pen@2",
        "cqrs diff product-sales --since today --where 'revenue > 1' --json",
        "cqrs diff product-pen@0..2 --format jsonpatch",
    ),
    "snapshot take": ("cqrs snapshot take product-pen", "cqrs snapshot take --category product"),
    "snapshot list": ("cqrs snapshot list", "cqrs snapshot list --json"),
    "snapshot drop": ("cqrs snapshot drop product-pen", "cqrs snapshot drop --category product"),
    "snapshot": ("cqrs snapshot list", "cqrs snapshot take product-pen", "cqrs replay --verify"),
    "project": (
        "cqrs project product-sales --where 'revenue >= 1' --columns name,revenue",
        "cqrs project --status",
        "cqrs project --check",
    ),
    "query": (
        "cqrs query best-sellers --min-revenue 0 --explain",
        "cqrs query product-sales --where \"revenue >= 1 or name like 'P%'\" --order=-revenue",
        "cqrs query product-sales --sum revenue --json",
    ),
    "sql": (
        'cqrs sql "SELECT type, count(*) AS n FROM event_log GROUP BY type"',
        'cqrs sql "SELECT * FROM product_sales WHERE sku = :sku" --param sku=pen',
    ),
    "what-if": (
        "cqrs what-if sell-product --sku pen --quantity 3",
        "cqrs what-if sell-product --sku pen --quantity 3 --at @2 --json",
    ),
    "rehearse": (
        "cqrs rehearse",
        "cqrs rehearse --command receive-stock --ignore StockReceived.quantity",
        "cqrs rehearse --accept accepted.json --accept-all",
    ),
    "impact": (
        "cqrs impact --against git:main",
        "cqrs impact --against git:main --ignore ProductSold.amount --json",
        "cqrs impact --against git:main --format md -o comment.md",
    ),
    "corpus": ("cqrs corpus refresh -o histories/", "cqrs --store histories/ rehearse", "cqrs corpus show"),
    "corpus refresh": ("cqrs corpus refresh -o histories/", "cqrs corpus refresh --sample 20 --from shop.db"),
    "corpus show": ("cqrs corpus show", "cqrs corpus show --json"),
    "fork": ("cqrs fork try.db", "cqrs fork before.db --at @1", "cqrs fork yesterday.db --at 1d --json"),
    "export": (
        "cqrs export -o shop.jsonl.gz",
        "cqrs export --category product --since 2026-01-01",
        "cqrs export --mask sku --mask name -o shared.jsonl",
    ),
    "import": (
        "cqrs export -o shop.jsonl && cqrs import shop.jsonl --store again.db",
        "cqrs export --type ProductAdded | cqrs import - --store added.db --json",
    ),
    "copy": ("cqrs copy shop.db copy.db", "cqrs copy shop.db products.db --category product --json"),
    "mirror": (
        "cqrs mirror --list",
        "cqrs mirror kennel.db mirror.db",
        "cqrs mirror pyeventsourcing+sqlite:kennel.db dogs.db --category guide_dog --json",
    ),
    "schema": ("cqrs schema add-product", "cqrs schema --scenario", "cqrs schema --lock"),
    "check": ("cqrs check", "cqrs check log determinism --json", "cqrs check lock --against cqrs.lock.json"),
    "test": ("cqrs test", "cqrs test shop.scenario.yaml -k stock --json", "cqrs test --from product-pen@2"),
    "ci": (
        "cqrs ci",
        "cqrs ci --part test --part rehearse --format github --report junit=ci.xml",
    ),
    "verify": (
        "cqrs verify",
        "cqrs verify --checkpoint -o shop.checkpoint",
        "cqrs verify --against shop.checkpoint --deep --rows --json",
    ),
    "migrate": ("cqrs migrate", "cqrs migrate --json"),
    "backup": ("cqrs backup shop-backup.db", "cqrs backup shop-backup.db --force --json"),
    "restore": ("cqrs restore shop-backup.db", "cqrs restore shop-backup.db --force --json"),
    "doctor": ("cqrs doctor", "cqrs doctor --json", "cqrs doctor --all --format junit"),
    "config": ("cqrs config", "CQRS_FORMAT=json cqrs config"),
    "demo": ("cqrs demo", "cqrs demo --list", "cqrs demo double-click"),
    "help": ("cqrs help", "cqrs help exit-codes", "cqrs help send"),
}
"""By command."""
