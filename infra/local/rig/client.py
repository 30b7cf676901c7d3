"""The terminal client as a module: `infra/local/mailcrane` is one file without a suffix."""

import importlib.machinery
import importlib.util
from pathlib import Path


def _load():
    path = Path(__file__).resolve().parents[1] / "mailcrane"
    loader = importlib.machinery.SourceFileLoader("mailcrane_client", str(path))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("mailcrane_client", loader))
    loader.exec_module(module)
    return module


_module = _load()
Bar, Client, Refused, watch = _module.Bar, _module.Client, _module.Refused, _module.watch
FINAL, OUTCOMES = _module.FINAL, _module.OUTCOMES
