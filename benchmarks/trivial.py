"""The least that a Typer command can be: what the start-up of `cqrs` is compared with."""

import typer

app = typer.Typer()


@app.command()
def main(name: str = "world") -> None:
    print(f"hello {name}")


if __name__ == "__main__":
    app()
