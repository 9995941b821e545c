"""What is watched exists, every alert wakes somebody for a reason and says what to do, and the dashboards can be drawn."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

import chassis.observability.telemetry
import placement.application.telemetry
import reporting.application.telemetry
from contracts.registry import SERVICES

ROOT = Path(__file__).parents[1]
OBSERVABILITY = ROOT / "deploy" / "observability"
PROMETHEUS = OBSERVABILITY / "prometheus"
RULES = sorted((PROMETHEUS / "rules").glob("*.yml"))
DASHBOARDS = sorted((OBSERVABILITY / "grafana" / "dashboards").glob("*.json"))
RUNBOOK = ROOT / "docs" / "alerts.md"

# What Prometheus adds to every sample, and to the buckets of a histogram.
OF_PROMETHEUS = frozenset({"job", "instance", "service", "le"})


def loaded(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def rules() -> Iterator[Mapping[str, Any]]:
    for path in RULES:
        for group in loaded(path)["groups"]:
            yield from group["rules"]


def alerts() -> list[Mapping[str, Any]]:
    return [rule for rule in rules() if "alert" in rule]


def panels() -> Iterator[tuple[str, Mapping[str, Any]]]:
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text())["panels"]:
            yield f"{path.stem}: {panel['title']}", panel


def expressions() -> Iterator[tuple[str, str]]:
    """Everything that is asked of Prometheus, with where it stands."""
    for rule in rules():
        yield rule.get("alert") or rule["record"], rule["expr"]
    for where, panel in panels():
        for target in panel.get("targets", ()):
            yield where, target["expr"].replace("$__rate_interval", "1m")


def samples() -> dict[str, frozenset[str]]:
    """The labels of everything that the code counts, by the name under which Prometheus knows it."""
    endings: dict[str | None, tuple[str, ...]] = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
    known: dict[str, frozenset[str]] = {}
    for module in (chassis.observability.telemetry, placement.application.telemetry, reporting.application.telemetry):
        for metric in vars(module).values():
            if isinstance(metric, MetricWrapperBase):
                known |= {f"{metric._name}{ending}": frozenset(metric._labelnames) for ending in endings[metric._type]}
    return known


def test_everything_that_is_asked_for_is_counted_by_the_code_under_these_labels() -> None:
    known = samples()
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    for where, expression in expressions():
        names = set(re.findall(r"\bschakel_\w+", expression))
        assert names <= known.keys(), f"{where}: {names - known.keys()}"
        assert set(re.findall(r"\bschakel:[\w:]+", expression)) <= recorded, where
        for name, selector in re.findall(r"\b(schakel_\w+)\{([^}]*)\}", expression):
            labels = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", re.sub(r'"[^"]*"', '""', selector)))
            assert labels <= known[name] | OF_PROMETHEUS, f"{where}: {name} has no {labels - known[name]}"
        grouped = {label.strip() for by in re.findall(r"\bby \(([^)]*)\)", expression) for label in by.split(",")}
        if names:
            assert grouped <= OF_PROMETHEUS.union(*(known[name] for name in names)), where


def test_every_alert_says_what_it_means_whom_it_wakes_and_where_stands_what_to_do() -> None:
    sections = {
        title.lower(): text for title, text in re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", RUNBOOK.read_text(), re.MULTILINE | re.DOTALL)
    }
    for alert in alerts():
        name = alert["alert"]
        assert alert["labels"]["severity"] in {"page", "ticket"}, name
        assert alert["labels"]["owner"] in {"operations", "development", "coordination"}, name
        assert {"summary", "description", "runbook_url"} == alert["annotations"].keys(), name
        path, _, anchor = alert["annotations"]["runbook_url"].partition("#")
        assert (ROOT / path, anchor) == (RUNBOOK, name.lower())
        for part in ("**Means**", "**Look**", "**Do**", "**Owner**"):
            assert part in sections[anchor], f"{name} lacks {part}"
        assert f"**Owner** {alert['labels']['owner']}, {alert['labels']['severity']}" in sections[anchor], name
    assert sections.keys() == {alert["alert"].lower() for alert in alerts()}, "the runbook has a section of an alert that is gone"


def test_every_alert_was_seen_to_fire_and_to_be_quiet() -> None:
    fired: set[str] = set()
    quiet: set[str] = set()
    for path in (PROMETHEUS / "tests").glob("*.yml"):
        for test in loaded(path)["tests"]:
            for asked in test["promql_expr_test"]:
                if found := re.search(r'alertname="(\w+)"', asked["expr"]):
                    (fired if asked["exp_samples"] else quiet).add(found[1])
    assert fired == quiet == {alert["alert"] for alert in alerts()}


def test_prometheus_asks_every_process_of_the_deployment() -> None:
    settings, containers = loaded(PROMETHEUS / "prometheus.yml"), loaded(ROOT / "docker-compose.yml")["services"]
    asked = {
        (name, discovery["port"])
        for job in settings["scrape_configs"]
        for discovery in job.get("dns_sd_configs", ())
        for name in discovery["names"]
    }
    assert asked == {(name, 8080) for name in containers if name.endswith(("-api", "-worker"))}
    assert {name.rpartition("-")[0] for name, _ in asked} == set(SERVICES)
    for name, _ in asked:
        assert "watch" in containers[name]["networks"], f"Prometheus does not reach {name}"


def test_there_is_a_dashboard_of_the_service_now_of_each_service_and_of_kafka_that_nobody_changes_in_place() -> None:
    assert {path.stem for path in DASHBOARDS} == {"dienst-nu", "kafka", *SERVICES}
    (datasource,) = loaded(OBSERVABILITY / "grafana" / "provisioning" / "datasources" / "prometheus.yml")["datasources"]
    (provider,) = loaded(OBSERVABILITY / "grafana" / "provisioning" / "dashboards" / "schakel.yml")["providers"]
    assert provider["allowUiUpdates"] is False
    for path in DASHBOARDS:
        board = json.loads(path.read_text())
        assert (board["uid"], board["editable"]) == (path.stem, False)
        assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
        taken: set[tuple[int, int]] = set()
        for panel in board["panels"]:
            at = panel["gridPos"]
            cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
            assert not cells & taken, f"{path.stem}: {panel['title']} lies over another panel"
            assert at["x"] + at["w"] <= 24
            taken |= cells
            for target in panel.get("targets", ()):
                assert target["datasource"]["uid"] == datasource["uid"]


# What only Prometheus itself can judge.


@pytest.fixture(scope="session")
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        pytest.fail("promtool is missing, so no rule was tested: apt-get install --no-install-recommends prometheus")
    return found


def passes(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_takes_its_settings_and_rules(promtool: str) -> None:
    passes(promtool, "check", "config", str(PROMETHEUS / "prometheus.yml"))


def test_the_alerts_fire_when_they_should_and_not_when_they_should_not(promtool: str) -> None:
    passes(promtool, "test", "rules", *map(str, (PROMETHEUS / "tests").glob("*.yml")))


def test_every_question_of_a_dashboard_is_one_that_prometheus_understands(promtool: str, tmp_path: Path) -> None:
    asked = [{"record": f"asked:{nth}", "expr": expression} for nth, (_, expression) in enumerate(expressions())]
    file = tmp_path / "asked.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "asked", "rules": asked}]}))
    passes(promtool, "check", "rules", str(file))
