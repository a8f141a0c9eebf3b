"""Configs as tests make them: from key=value, and from a text in a file."""

import pytest

from hrm import RunConfig, TaskConfig
from hrm.config.load import load_config
from hrm.config.nested import ConfigError


def task_of(config: RunConfig) -> TaskConfig:
    assert type(config.task) is TaskConfig
    return config.task


def load(*overrides):
    return load_config(RunConfig(), overrides=overrides)


def load_text(tmp_path, text, *overrides):
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    return load_config(RunConfig(), (str(tmp_path / "config.yaml"),), overrides)


def refused(*overrides):
    """The lines of the error that the settings give."""
    with pytest.raises(ConfigError) as caught:
        load(*overrides)
    return str(caught.value).splitlines()
