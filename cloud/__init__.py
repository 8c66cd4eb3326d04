"""The stack of template.yaml on one machine: moto, AWS's Runtime Interface Emulator, and stand-ins for the rest."""

import os
from collections.abc import MutableMapping


def isolate(environ: MutableMapping[str, str] = os.environ) -> None:
    """Remove every AWS_ variable and keep this process from AWS's configuration files and from proxies."""
    for name in [name for name in environ if name.startswith("AWS_")]:
        del environ[name]
    environ["AWS_CONFIG_FILE"] = environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    environ["AWS_EC2_METADATA_DISABLED"] = "true"
    for name in ("NO_PROXY", "no_proxy"):
        environ[name] = ",".join(filter(None, [environ.get(name), "127.0.0.1", "localhost"]))
