from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from isoflop.errors import RegistryError
from isoflop.records import ResolvedRun
from isoflop.schema import TABLES
from isoflop.store import Registry, open_registry

RunMaker = Callable[..., ResolvedRun]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, make_run: RunMaker) -> Path:
    """A filled registry, to be copied: filling takes much longer."""
    registry = open_registry(tmp_path_factory.mktemp("template") / "registry", create=True)
    registry.writer().drop_runs([make_run("a", scores={"c4": 3.0}), make_run("b")])
    registry.fold()
    return Path(registry.uri)


@pytest.fixture
def filled(template: Path, tmp_path: Path) -> Registry:
    return open_registry(shutil.copytree(template, tmp_path / "registry"))


def test_views_of_all_tables_can_be_joined(filled: Registry) -> None:
    result = filled.sql(
        "SELECT r.run_name, count(*) AS n, min(c.loss) AS best FROM runs r"
        " JOIN curves c USING (run_uid) GROUP BY 1 ORDER BY 1"
    )
    assert result.to_pandas()["n"].tolist() == [5, 5]
    assert result.columns == ("run_name", "n", "best")
    assert len(result.to_polars()) == 2


@pytest.mark.parametrize("table", list(TABLES))
def test_every_table_is_a_view(filled: Registry, table: str) -> None:
    assert len(filled.sql(f"SELECT count(*) FROM {table}")) == 1


def test_whole_sums_are_whole_numbers(filled: Registry) -> None:
    arrow = filled.sql("SELECT sum(n_params) AS n FROM runs").to_arrow()
    assert arrow.schema.field("n").type == pa.int64()


def test_result_prints_its_rows(filled: Registry) -> None:
    text = repr(filled.sql("SELECT run_name, loss FROM runs ORDER BY 1"))
    assert "run_name" in text
    assert "2 rows" in text
    assert "no rows; columns: run_name" in repr(filled.sql("SELECT run_name FROM runs LIMIT 0"))


ESCAPES = [
    "SELECT * FROM read_csv('{file}')",
    "SELECT * FROM read_text('{file}')",
    "SELECT * FROM '{file}'",
    "SELECT * FROM glob('{folder}/*')",
    "SELECT * FROM secret",
]


@pytest.mark.parametrize("query", ESCAPES)
def test_query_reaches_nothing_but_the_tables(filled: Registry, tmp_path: Path, query: str) -> None:
    secret = pa.table({"word": ["sesame"]})
    file = tmp_path / "secret.csv"
    file.write_text("word\nsesame\n")
    with pytest.raises(RegistryError, match=r"cannot be run") as error:
        filled.sql(query.format(file=file, folder=tmp_path))
    assert "sesame" not in str(error.value)
    assert secret.num_rows == 1


@pytest.mark.parametrize(
    "query",
    [
        "COPY runs TO 'out.csv'",
        "CREATE TABLE x AS SELECT 1",
        "ATTACH 'x.db'",
        "SET enable_external_access = true",
        "INSTALL httpfs",
        "SELECT 1; SELECT 2",
        "PRAGMA database_list",
        "",
    ],
)
def test_anything_but_one_select_is_refused(filled: Registry, query: str) -> None:
    with pytest.raises(RegistryError, match=r"one SELECT"):
        filled.sql(query)


def test_wrong_name_lists_the_tables(filled: Registry) -> None:
    with pytest.raises(RegistryError, match=r"Tables: curves, events"):
        filled.sql("SELECT * FROM jobs")
