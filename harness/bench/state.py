# SPDX-License-Identifier: Apache-2.0
"""A bench during a run: started when the first test needs it, restarted once after an error, then given up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from labgrid import Environment
from labgrid.strategy import StrategyError

from harness.bench.settings import BenchConfig
from harness.errors import BenchError
from harness.host.protocol import FAULTS, GuestEndedError, ShmemHostProtocol

_CHANCES: Final = 2


class Bench:
    """One target of the environment file, with what the tests need to know about it.

    The host's own messages go to ``log``. ``fault`` is a deliberate defect that its devices have whenever it is up.
    """

    def __init__(self, config: BenchConfig, environment: Environment, log: Path, fault: str | None = None) -> None:
        self.config = config
        self.profile = config.profile
        self.log = log
        self._environment = environment
        self._fault = fault
        self._at_fault = False
        self._strategy: Any = None
        self._errors: list[str] = []
        self._shortages: list[str] = []
        self._reported = 0

    @property
    def name(self) -> str:
        """The target's name."""
        return self.config.name

    @contextmanager
    def host(self) -> Iterator[ShmemHostProtocol]:
        """The hypervisor host, brought up if it is not.

        Every BenchError, also of the block, is an error of this bench: its host is stopped, so that the next test
        starts it cold. After two errors without a success in between, the bench is given up: from then on
        BenchError comes at once. A guest that qvm rejects or ends is no bench error as long as the host answers.
        """
        if len(self._errors) >= _CHANCES:
            raise BenchError(f"bench {self.name} is given up after {_CHANCES} bench errors:\n{self._errors[-1]}")
        try:
            host = self._up()
            try:
                yield host
            except GuestEndedError:
                host.check()
                raise
        except GuestEndedError:
            raise
        except BenchError as error:
            self._errors.append(str(error))
            self._down()
            raise

    def check_means(self) -> None:
        """Raise BenchError if the host ran out of anything since the last call: then what guests met says nothing."""
        self._note_shortages()
        missed, self._shortages = dict.fromkeys(self._shortages), []
        if missed:
            lines = "\n".join(f"  {line}" for line in missed)
            raise BenchError(
                f"the machine that runs bench {self.name} ran out of resources:\n{lines}",
                remedy="raise the limit (ulimit -a shows them), make room, or run fewer benches side by side (--jobs)",
            )

    def start_cold(self) -> None:
        """Bring the host down; the next test restarts it."""
        self._down()

    def _note_shortages(self) -> None:
        """Take what the host has to say of it, as long as it is up."""
        if self._strategy is None:
            return
        with suppress(Exception):
            said = self._strategy.host.shortages()
            self._shortages += said[self._reported :]
            self._reported = len(said)

    def works(self) -> None:
        """The bench has worked: forget earlier errors."""
        self._errors.clear()

    def close(self) -> None:
        """Bring the host down and let go of the target."""
        self._down()
        if self._strategy is not None:
            with self._translated():
                self._strategy.target.cleanup()

    def _up(self) -> ShmemHostProtocol:
        with self._translated():
            if self._strategy is None:
                target = self._environment.get_target(self.name)
                self._strategy = target.get_driver("Strategy")
                self._strategy.host.log = self.log
            self._strategy.transition("ready")
            host: ShmemHostProtocol = self._strategy.host
        if self._fault and not self._at_fault:
            if FAULTS not in host.capabilities:
                raise BenchError(f"the host of bench {self.name} does not support fault injection")
            host.inject(self._fault)
            self._at_fault = True
        return host

    def _down(self) -> None:
        self._at_fault = False
        self._note_shortages()
        self._reported = 0
        if self._strategy is not None:
            with self._translated():
                self._strategy.force("off")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn the exceptions of labgrid and its drivers into errors of the bench."""
        try:
            yield
        except BenchError:
            raise
        except StrategyError as error:
            raise BenchError(f"bench {self.name}: {error.__cause__ or error.msg}") from error
        except Exception as error:
            raise BenchError(f"bench {self.name}: {type(error).__name__}: {error}") from error


class Benches:
    """The benches of a run by name, each made at its first use. Their hosts' logs go into the folder ``logs``."""

    def __init__(
        self,
        configs: Mapping[str, BenchConfig],
        environment: Environment,
        logs: Path,
        fault: str | None = None,
    ) -> None:
        self._configs = configs
        self._environment = environment
        self._logs = logs
        self._fault = fault
        self._benches: dict[str, Bench] = {}
        self.described: set[str] = set()
        """Benches whose parts are in the evidence already."""

    def get(self, name: str) -> Bench:
        """The bench of that name, not necessarily up."""
        if name not in self._benches:
            log = self._logs / f"{name}.host.log"
            self._benches[name] = Bench(self._configs[name], self._environment, log, self._fault)
        return self._benches[name]

    def close(self) -> None:
        """Bring all benches down, also when one of them fails to; the first failure is raised at the end."""
        failures: list[BenchError] = []
        for bench in self._benches.values():
            try:
                bench.close()
            except BenchError as error:
                failures.append(error)
        self._benches.clear()
        if failures:
            raise failures[0]
