"""`python -m tests.http.fuzz_server APP`: a domain served as `cqrs serve` does, but nobody waits long, and SQL is answered."""

import sys

from cqrs_cli.http import create_app
from cqrs_cli.http.serving import listen, serve, url_of
from cqrs_cli.loading import load_domain

if __name__ == "__main__":
    app = create_app("cqrs.db", load_domain(sys.argv[1], "."), patience=0.05, sql=True)
    door = listen("127.0.0.1", 0)
    serve(app, door, lambda: print(url_of(door), flush=True))
