"""gate.toml: what is gated, by which margins, and when a run may be believed.

Every key has a default, so an empty file is a valid gate. Unknown keys and impossible values are errors that
name the place and, where it can be guessed, what was meant.
"""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Annotated

import msgspec

from analysis.noise import ASSUMED_SD
from analysis.words import percent, quantile

Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
Quantile = Annotated[float, msgspec.Meta(gt=0.0, lt=1.0)]
Positive = Annotated[float, msgspec.Meta(gt=0.0)]
NotNegative = Annotated[float, msgspec.Meta(ge=0.0)]


class GateFileError(ValueError):
    """A gate file is missing, is no TOML, or holds an unknown key or an impossible value."""


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the file; an unknown key in it is an error."""


class Margins(_Table, frozen=True, kw_only=True):
    """How much worse the candidate may be: the larger of the relative and the absolute margin counts."""

    relative: NotNegative = 0.10
    """0.10: a quantile may rise by 10 %."""
    absolute_ms: NotNegative = 5.0
    """A rise below this many milliseconds is nobody's problem, whatever its percentage."""
    errors: Share = 0.005
    """By how much the share of failed requests may rise: 0.005 is half a percentage point."""


class Override(_Table, frozen=True, kw_only=True):
    """Margins of one route, of one quantile, or of one quantile of one route, instead of ``[margins]``."""

    route: str = ""
    """'' means every route."""
    quantile: Quantile | None = None
    """None means every quantile."""
    relative: NotNegative | None = None
    absolute_ms: NotNegative | None = None
    errors: Share | None = None


class Slo(_Table, frozen=True, kw_only=True):
    """A limit that stands whatever the baseline took."""

    route: str
    quantile: Quantile
    max_ms: Positive


class Budget(_Table, frozen=True, kw_only=True):
    """The largest share of failed requests that a route may have, whatever the baseline had."""

    route: str
    max_error_rate: Share


class ValidityLimits(_Table, frozen=True, kw_only=True):
    """When the generator's own state makes a run INVALID."""

    max_lag_ms: Positive = 10.0
    """Limit of the lag's p99; the larger of this and ``max_lag_share`` of the median response time counts."""
    max_lag_share: NotNegative = 0.05
    max_rate_error: Share = 0.02
    """A slice is off where requests made ready differ from those intended by more than this share."""
    max_off_slices: Share = 0.05
    max_cpu: Share = 0.8
    """Share of one core that a generator's process may use; busier seconds than ``max_busy_seconds`` are a fault."""
    max_busy_seconds: Share = 0.05
    max_loop_lag_ms: Positive = 100.0
    """Event-loop delay within a second; more such seconds than ``max_slow_seconds`` are a fault."""
    max_slow_seconds: Share = 0.02
    max_stall_ms: Positive = 1000.0
    """One event-loop delay above this is a fault by itself."""
    max_lost_share: Share = 0.001
    """Share of samples that were lost, or of requests that the generator itself refused to send."""
    max_mix_distance: Share = 0.02
    """Total-variation distance of the traffic mixes over the routes that both runs have; what chance alone brings,
    where a scale draws from few sessions, is added."""


class Gate(_Table, frozen=True, kw_only=True):
    """The whole file."""

    format: str = "gate/1"
    routes: list[str] = []
    """The gated routes; [] gates the busiest routes of the baseline that can be judged, at most ``max_routes``."""
    max_routes: Annotated[int, msgspec.Meta(ge=1)] = 20
    quantiles: list[Quantile] = msgspec.field(default_factory=lambda: [0.5, 0.95])
    total: bool = True
    """Gate all judged routes together too, standardised to the baseline's mix."""
    alpha: Annotated[float, msgspec.Meta(ge=0.001, le=0.2)] = 0.05
    """Error rate of each one-sided claim."""
    slice_s: Annotated[float, msgspec.Meta(ge=0.1, le=60.0)] = 5.0
    min_slices: Annotated[int, msgspec.Meta(ge=16)] = 60
    """Fewer whole slices than this decide nothing."""
    min_time_constants: NotNegative = 10.0
    """A run shorter than this many time constants of its own drift proves nothing; 0 switches the check off.
    Intervals widen from about 30 time constants down, whatever this says."""
    assumed_run_noise: NotNegative = ASSUMED_SD
    """Relative spread between two runs of one build, assumed while fewer than three A/A runs measure it."""
    min_judged_share: Share = 0.8
    min_load: NotNegative = 0.95
    """Multiple of production's load that the candidate must have been asked for; below it, nothing is READY."""
    max_miss: Share = 0.02
    gate_on: str = "baseline"
    """``baseline`` or ``reference``: against which of the two the gate judges where ``--reference`` is given."""
    margins: Margins = msgspec.field(default_factory=Margins)
    overrides: list[Override] = []
    slos: list[Slo] = []
    budgets: list[Budget] = []
    validity: ValidityLimits = msgspec.field(default_factory=ValidityLimits)

    def margins_of(self, route: str, quantile: float | None = None) -> Margins:
        """The margins that hold for a route and quantile; a later override wins over an earlier one."""
        relative, absolute, errors = self.margins.relative, self.margins.absolute_ms, self.margins.errors
        for rule in self.overrides:
            if rule.route not in {"", route} or (rule.quantile is not None and rule.quantile != quantile):
                continue
            relative = relative if rule.relative is None else rule.relative
            absolute = absolute if rule.absolute_ms is None else rule.absolute_ms
            errors = errors if rule.errors is None else rule.errors
        return Margins(relative=relative, absolute_ms=absolute, errors=errors)

    def relaxed(self) -> list[str]:
        """What this gate asks less of than the defaults do, as sentences for the verdict."""
        usual = Gate()
        found: list[str] = []
        if self.margins.relative > usual.margins.relative:
            found.append(f"margin {percent(self.margins.relative)} instead of {percent(usual.margins.relative)}")
        if self.margins.absolute_ms > usual.margins.absolute_ms:
            found.append(f"margin {self.margins.absolute_ms:g} ms instead of {usual.margins.absolute_ms:g} ms")
        if self.margins.errors > usual.margins.errors:
            found.append(f"error margin {percent(self.margins.errors)} instead of {percent(usual.margins.errors)}")
        if max(self.quantiles) < max(usual.quantiles):
            found.append(f"nothing above {quantile(max(self.quantiles))}, usually {quantile(max(usual.quantiles))}")
        if self.alpha > usual.alpha:
            found.append(f"error rate {self.alpha:g} a claim instead of {usual.alpha:g}")
        if self.min_slices * self.slice_s < usual.min_slices * usual.slice_s:
            found.append(
                f"runs from {self.min_slices * self.slice_s:g} s instead of {usual.min_slices * usual.slice_s:g} s"
            )
        if self.min_time_constants < usual.min_time_constants:
            found.append(
                f"runs from {self.min_time_constants:g} time constants of drift "
                f"instead of {usual.min_time_constants:g}"
            )
        if self.assumed_run_noise < usual.assumed_run_noise:
            found.append(
                f"assumed run noise {percent(self.assumed_run_noise)} instead of {percent(usual.assumed_run_noise)}"
            )
        if self.min_judged_share < usual.min_judged_share:
            found.append(
                f"judged share from {percent(self.min_judged_share)} instead of {percent(usual.min_judged_share)}"
            )
        if self.min_load < usual.min_load:
            found.append(f"{self.min_load:g} × production's load instead of {usual.min_load:g} ×")
        if self.overrides:
            found.append(
                f"other margins for {', '.join(sorted({rule.route or 'every route' for rule in self.overrides}))}"
            )
        if not self.total:
            found.append("no claim about all traffic together")
        if not self.routes and self.max_routes < usual.max_routes:
            found.append(f"at most {self.max_routes} routes instead of {usual.max_routes}")
        if self.max_miss > usual.max_miss:
            found.append(f"misses up to {percent(self.max_miss)} instead of {percent(usual.max_miss)}")
        for name in ValidityLimits.__struct_fields__:
            mine, theirs = getattr(self.validity, name), getattr(usual.validity, name)
            if mine > theirs:
                found.append(f"validity.{name} {mine:g} instead of {theirs:g}")
        return found


def read_gate(path: Path) -> Gate:
    """The gate in ``path``.

    Raises:
        GateFileError: the file is missing, is no TOML, or holds an unknown key or an impossible value.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise GateFileError(f"{path}: no such file. 'replay gate --init BASELINE' writes one.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise GateFileError(f"{path}: cannot be read as TOML ({error}).") from None
    return parse_gate(content, str(path))


def parse_gate(content: object, where: str) -> Gate:
    """The gate that a parsed TOML document describes; ``where`` names it in messages.

    Raises:
        GateFileError: it holds an unknown key or an impossible value.
    """
    _refuse_unknown(content, Gate, where, "")
    try:
        gate = msgspec.convert(content, type=Gate)
    except msgspec.ValidationError as error:
        raise GateFileError(f"{where}: {_plain(str(error))}.") from None
    if gate.format != "gate/1":
        raise GateFileError(f"{where}: format '{gate.format[:40]}', this version reads 'gate/1'.")
    if not gate.quantiles:
        raise GateFileError(f"{where}: quantiles is empty. Name at least one, such as 0.95.")
    if gate.gate_on not in {"baseline", "reference"}:
        raise GateFileError(f"{where}: gate_on is '{gate.gate_on[:40]}'. Use 'baseline' or 'reference'.")
    if len(set(gate.routes)) < len(gate.routes):
        raise GateFileError(f"{where}: routes names a route twice.")
    return gate


def check_routes(gate: Gate, known: list[str], where: str) -> None:
    """Refuse a gate that names a route which the baseline does not have.

    Raises:
        GateFileError: with the nearest known route as a hint.
    """
    named = [*gate.routes, *(s.route for s in gate.slos), *(b.route for b in gate.budgets)]
    named += [rule.route for rule in gate.overrides if rule.route]
    for route in named:
        if route not in known:
            raise GateFileError(f"{where}: the baseline has no route '{route}'.{_hint(route, known)}")


_TABLES: dict[str, type[_Table]] = {
    "margins": Margins,
    "overrides": Override,
    "slos": Slo,
    "budgets": Budget,
    "validity": ValidityLimits,
}


def _refuse_unknown(content: object, table: type[_Table], where: str, place: str) -> None:
    if not isinstance(content, dict):
        return  # of another type than a table: msgspec says so
    for key, value in content.items():
        if key not in table.__struct_fields__:
            inside = f" in [{place}]" if place else ""
            raise GateFileError(f"{where}: unknown key '{key}'{inside}.{_hint(key, list(table.__struct_fields__))}")
        if not place and key in _TABLES:
            for part in value if isinstance(value, list) else [value]:
                _refuse_unknown(part, _TABLES[key], where, key)


def _hint(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f" Did you mean '{near[0]}'?" if near else f" Known: {', '.join(sorted(known)[:12])}."


def _plain(message: str) -> str:
    return message.replace("`", "'").replace("$.", "")
