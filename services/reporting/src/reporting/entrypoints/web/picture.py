"""What the page needs of the live picture that the API process holds in memory."""

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from contracts.codes import CareType, Cohort, Level, Sector


class FigureView(Protocol):
    """The beds of one region, sector, care type and cohort, as they were last read from `reporting.national.v1`."""

    @property
    def level(self) -> Level: ...
    @property
    def region(self) -> str: ...
    @property
    def sector(self) -> Sector: ...
    @property
    def care_type(self) -> CareType: ...
    @property
    def cohort(self) -> Cohort: ...
    @property
    def total(self) -> int | None: ...
    @property
    def open(self) -> int | None: ...
    @property
    def occupied(self) -> int | None: ...
    @property
    def reserved(self) -> int | None: ...
    @property
    def free(self) -> int | None: ...
    @property
    def held(self) -> int: ...
    @property
    def available(self) -> int | None: ...
    @property
    def units(self) -> int: ...
    @property
    def units_known(self) -> int: ...
    @property
    def oldest_observed_at(self) -> datetime | None: ...
    @property
    def newest_observed_at(self) -> datetime | None: ...
    @property
    def incomplete(self) -> bool: ...


class Picture(Protocol):
    """The whole country, now."""

    @property
    def heard_at(self) -> datetime | None:
        """When Kafka last gave a sign of life on the partition that has been silent longest; None before the first one."""

    def figures(self) -> Iterable[FigureView]:
        """Every current figure, of all levels."""
