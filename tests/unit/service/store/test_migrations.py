from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, create_engine, inspect
from sqlalchemy.engine.interfaces import ReflectedIndex

from service.store import Store, StoreBusy, StoreDamaged, StoreTooNew, migrations
from service.store.database import Database
from service.store.rows import METADATA
from tests.unit.service.store.conftest import Clock
from tests.unit.service.store.kit import ask, by_hand

ROOT = Path(__file__).parents[4]


def test_migrated_tables_are_those_that_the_rows_describe(store: Store, home: Path) -> None:
    engine = create_engine(URL.create("sqlite", database=str(home / "pawl.sqlite")))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, METADATA) == []
    engine.dispose()


def where(index: ReflectedIndex) -> str:
    """The condition of a partial index."""
    return str(index.get("dialect_options", {}).get("sqlite_where"))


def test_migrated_tables_are_written_as_the_rows_would_write_them(store: Store, home: Path) -> None:
    """Alembic's comparison does not look at primary keys, partial indexes or rowids."""
    migrated = create_engine(URL.create("sqlite", database=str(home / "pawl.sqlite")))
    described = create_engine("sqlite://")
    METADATA.create_all(described)
    facts = []
    for engine in (migrated, described):
        looked = inspect(engine)
        with engine.connect() as connection:
            options = connection.exec_driver_sql(
                "SELECT name, wr FROM pragma_table_list WHERE schema = 'main'"
            ).all()
        tables = sorted(set(looked.get_table_names()) - {"alembic_version"})
        indexes = [(table, index) for table in tables for index in looked.get_indexes(table)]
        facts.append(
            (
                [(table, looked.get_pk_constraint(table)) for table in tables],
                [(table, str(index["column_names"]), where(index)) for table, index in indexes],
                [(table, sorted(looked.get_foreign_keys(table), key=str)) for table in tables],
                {name: wr for name, wr in options if name in tables},
            )
        )
        engine.dispose()
    assert facts[0] == facts[1]


def test_the_newest_script_is_the_one_that_opening_looks_for() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_heads() == [migrations.HEAD]


def test_a_store_of_a_newer_pawl_is_left_alone(store: Store, home: Path, clock: Clock) -> None:
    store.close()
    with by_hand(home) as db:
        db.execute("UPDATE alembic_version SET version_num = 'v9999'")
    with pytest.raises(StoreTooNew, match="v9999"):
        Store.open(home, clock)
    with by_hand(home) as db:
        assert db.execute("SELECT version_num FROM alembic_version").fetchone() == ("v9999",)


def test_a_file_that_is_no_database_is_said_to_be_damaged(home: Path, clock: Clock) -> None:
    home.mkdir(mode=0o700)
    (home / "pawl.sqlite").write_text("all the recipes of the bakery, in words " * 100)
    with pytest.raises(StoreDamaged):
        Store.open(home, clock)


def test_a_database_that_stays_locked_is_said_to_be_busy(store: Store, home: Path) -> None:
    with by_hand(home) as db:
        db.execute("BEGIN IMMEDIATE")
        impatient = Database(home / "pawl.sqlite", wait=0.05)
        with pytest.raises(StoreBusy) as caught, impatient.writing():
            pass
        with pytest.raises(StoreBusy), impatient.writing_raw():
            pass
    assert caught.value.mend
    impatient.close()


def test_many_that_open_a_store_at_once_make_one(home: Path, clock: Clock) -> None:
    stores: list[Store] = []

    def open_one() -> None:
        stores.append(Store.open(home, clock))

    threads = [threading.Thread(target=open_one) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({str(store.public_key) for store in stores}) == 1
    ask(stores[0])
    assert [store.size for store in stores] == [3] * 6
    assert stores[0].audit() == ()
    for store in stores:
        store.close()


def test_a_commit_waits_for_the_disk_and_readers_do_not_wait(store: Store, home: Path) -> None:
    database = Database(home / "pawl.sqlite")
    for pragma, value in {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "recursive_triggers": 1,
    }.items():
        with database.reading_raw() as db:
            assert db.execute(f"PRAGMA {pragma}").fetchone() == (value,)
    with database.writing():
        assert store.size == 2
    database.close()


def test_opening_a_store_that_is_up_to_date_does_not_load_alembic(store: Store, home: Path) -> None:
    store.close()
    script = (
        "import sys, datetime, pathlib; from service.store import Store; "
        "clock = lambda: datetime.datetime.fromtimestamp(0, datetime.UTC); "
        "Store.open(pathlib.Path(sys.argv[1]), clock).close(); print('alembic' in sys.modules)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script, str(home)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.strip() == "False"
