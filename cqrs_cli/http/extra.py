"""The packages that this room wants, which come with an extra of the distribution."""

from importlib.util import find_spec

from cqrs_cli.errors import ConfigurationError

PACKAGES = ("fastapi", "uvicorn", "httptools", "jinja2", "prometheus_client", "cryptography")


def check_installed() -> None:
    """Raise `ConfigurationError` (`no-http`), with how to get them, unless they are there."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise ConfigurationError(
            f"the HTTP face needs {', '.join(missing)}, which is not installed"
            if len(missing) == 1
            else f"the HTTP face needs {', '.join(missing)}, which are not installed",
            code="no-http",
            hint="pip install 'cqrs-cli[http]'",
        )
