import pytest

from isoflop.reporting.delivering.targets import (
    VARIABLE,
    SecretFileError,
    notify_targets,
    shown_target,
)


@pytest.fixture
def secret_file(tmp_path):
    path = tmp_path / "notify"
    path.write_text("# the team\nslack://A/B/C/#general\n\n  json://host/hook  \n")
    path.chmod(0o600)
    return path


def test_addresses_come_from_the_environment_and_from_a_file_each_once(secret_file, monkeypatch):
    monkeypatch.setenv(VARIABLE, "json://host/hook\n mailto://me:pw@example.com")
    assert notify_targets(secret_file) == [
        "json://host/hook", "mailto://me:pw@example.com", "slack://A/B/C/#general",
    ]  # fmt: skip


def test_none_is_told_where_nothing_is_set(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    assert notify_targets() == []


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_file_that_others_may_read_is_refused(secret_file, mode):
    secret_file.chmod(mode)
    with pytest.raises(SecretFileError, match=rf"mode {mode:o}\); allowed is 600. Run `chmod 600"):
        notify_targets(secret_file)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SecretFileError, match=r"'.*nowhere' cannot be read: No such file"):
        notify_targets(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("slack://T0/B0/secret", "address 1 (slack)"),
        ("https://hooks.example/secret", "address 1 (https)"),
        ("no-scheme-but-a-secret", "address 1 (no scheme)"),
    ],
)
def test_an_address_is_shown_by_its_scheme_only(target, shown):
    assert shown_target(target, [target]) == shown
