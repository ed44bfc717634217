"""What no schema says of the files in `deploy/`: what engines make of exit codes."""

import json
import pathlib

import botocore.session
import botocore.validate
import yaml

DEPLOY = pathlib.Path(__file__).parents[2] / "deploy"
# What a run ends with, and what is to become of that: nothing, another start, or a person.
DONE, AGAIN, PERSON = {0}, {1, 4, 11, 130}, {2, 3, 6, 7, 8}
# A doubt is passed over by all of them.
PASSED_OVER = ["--exit-zero-on", "5"]


def follows(words: list[str], wanted: list[str]) -> bool:
    return any(words[at : at + len(wanted)] == wanted for at in range(len(words)))


def kubernetes() -> None:
    spec = yaml.safe_load((DEPLOY / "kubernetes.yaml").read_text())["spec"]
    template = spec["template"]["spec"]
    (container,) = template["containers"]
    assert follows(container["args"], PASSED_OVER)
    # Without it the API server takes no podFailurePolicy.
    assert template["restartPolicy"] == "Never"
    assert "completions" not in spec and "completionMode" not in spec, "a work queue has none"
    assert template["terminationGracePeriodSeconds"] > 120, "--request-timeout"
    rules = spec["podFailurePolicy"]["rules"]
    assert len(rules) <= 20
    for rule in rules:
        # FailIndex is legal too, for Jobs with an index for each pod.
        assert rule["action"] in {"FailJob", "FailIndex", "Ignore", "Count"}
        assert rule["action"] != "FailIndex" or "backoffLimitPerIndex" in spec
        assert len(rule.keys() & {"onExitCodes", "onPodConditions"}) == 1
        if codes := rule.get("onExitCodes"):
            assert codes["operator"] in {"In", "NotIn"} and 1 <= len(codes["values"]) <= 255
            assert codes["operator"] == "NotIn" or 0 not in codes["values"]
            assert codes["containerName"] == container["name"]

    def action(code: int | None, conditions: set[str]) -> str:
        for rule in rules:
            if codes := rule.get("onExitCodes"):
                # A container that was not ended by itself has no code of its own to match.
                if code is not None and (code in codes["values"]) == (codes["operator"] == "In"):
                    return rule["action"]
            elif any(one["type"] in conditions for one in rule["onPodConditions"]):
                return rule["action"]
        return "Count"

    for code in PERSON:
        assert action(code, set()) == "FailJob", code
    # 137: killed, for memory or by hand.
    for code in AGAIN | {137}:
        assert action(code, set()) == "Count", code
        assert action(code, {"DisruptionTarget"}) == "Ignore", code


def aws() -> None:
    job = json.loads((DEPLOY / "aws-batch.json").read_text())
    batch = botocore.session.get_session().get_service_model("batch")
    shape = batch.operation_model("RegisterJobDefinition").input_shape
    report = botocore.validate.ParamValidator().validate(job, shape)
    assert not report.has_errors(), report.generate_report()
    assert follows(job["containerProperties"]["command"], PASSED_OVER)
    retry = job["retryStrategy"]
    rules = retry["evaluateOnExit"]
    assert 1 <= retry["attempts"] <= 10 and 1 <= len(rules) <= 5
    # What nothing matches is tried again.
    assert rules[-1] == {"onExitCode": "*", "action": "EXIT"}

    def action(code: int) -> str:
        for rule in rules:
            glob = rule["onExitCode"]
            if str(code).startswith(glob[:-1]) if glob.endswith("*") else str(code) == glob:
                return rule["action"]
        return "RETRY"

    for code in PERSON | DONE:
        assert action(code) == "EXIT", code
    for code in AGAIN | {137, 143}:
        assert action(code) == "RETRY", code


def scripts() -> None:
    for name in ["slurm.sh", "hyperqueue.sh", "callsheet@.service"]:
        assert " ".join(PASSED_OVER) in (DEPLOY / name).read_text(), name
    unit = (DEPLOY / "callsheet@.service").read_text()
    (prevented,) = [line for line in unit.splitlines() if line.startswith("RestartPrevent")]
    assert {int(code) for code in prevented.partition("=")[2].split()} == PERSON


kubernetes()
aws()
scripts()
