"""Cloud services without a stand-in of their own: what a call does is written down, what it asks
is answered only where the answer has one known form.

Runs inside cells, for `aws`. Where a script would go on by what it is told, and nobody knows what
that would be, the call counts as unknown: guessing would judge a story that never happened.
"""

import hashlib
import json
import os
import sys

import client

ASKING = (
    "batch-get", "check", "decrypt", "describe", "download", "estimate", "export", "filter",
    "generate", "get", "head", "invoke", "list", "login", "lookup", "query", "receive", "scan",
    "search", "select", "simulate", "tail", "test", "validate", "view",
)
"""First words of verbs whose answer steers what comes next."""

# one known form each; {name} is the option --name of the call, {id} follows from the call
KNOWN = {
    ("cloudfront", "create-invalidation"): {
        "Location": "https://cloudfront.amazonaws.com/2020-05-31/distribution/"
        "{distribution-id}/invalidation/{id}",
        "Invalidation": {
            "Id": "{id}",
            "Status": "InProgress",
            "CreateTime": "2026-01-01T00:00:00Z",
            "InvalidationBatch": {"Paths": {"Quantity": 1, "Items": ["{paths}"]}},
        },
    },
    ("cloudfront", "get-invalidation"): {"Invalidation": {"Id": "{id}", "Status": "Completed"}},
    ("codedeploy", "create-deployment"): {"deploymentId": "d-{id}"},
    ("ecs", "update-service"): {
        "service": {"serviceName": "{service}", "clusterArn": "{cluster}", "status": "ACTIVE"}
    },
    ("ecs", "run-task"): {"tasks": [{"taskArn": "{id}", "lastStatus": "PENDING"}], "failures": []},
    ("events", "put-events"): {"FailedEntryCount": 0, "Entries": [{"EventId": "{id}"}]},
    ("lambda", "update-function-code"): {
        "FunctionName": "{function-name}",
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "Version": "$LATEST",
    },
    ("lambda", "publish-version"): {"FunctionName": "{function-name}", "Version": "1"},
    ("route53", "change-resource-record-sets"): {
        "ChangeInfo": {"Id": "/change/{id}", "Status": "PENDING"}
    },
    ("ses", "send-email"): {"MessageId": "{id}"},
    ("sns", "publish"): {"MessageId": "{id}"},
    ("sqs", "send-message"): {"MessageId": "{id}"},
    ("ssm", "put-parameter"): {"Version": 1, "Tier": "Standard"},
    ("ssm", "send-command"): {"Command": {"CommandId": "{id}", "Status": "Pending"}},
    ("stepfunctions", "start-execution"): {"executionArn": "{id}"},
}


def run(argv, words, service, verb):
    """Answer one call; the exit code."""
    if verb is None:
        print(f"aws: error: the following arguments are required: operation of {service}",
              file=sys.stderr)
        return 252
    options = _options(words)
    empty = sorted(name for name, value in options.items() if value == "")
    if empty:
        print(f"\nParameter validation failed:\nInvalid length for parameter {empty[0]}, value: 0, "
              "valid min length: 1", file=sys.stderr)
        return 252
    known = KNOWN.get((service, verb))
    asks = verb.split("-")[0] in ASKING or verb in ASKING
    if known is None and verb != "wait" and (asks or "query" in options):
        client.unknown(f"aws {service} {verb}")
        print(f"aws: {service} {verb}: nothing here knows what it would answer", file=sys.stderr)
        return 255
    if verb != "wait" and not asks:
        client.journal("aws", argv)
    if known is not None:
        _say(_filled(known, options, argv), options)
    return 0


def _options(words):
    options, name = {}, None
    for word in words:
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            if equals:
                options[name], name = value, None
            else:
                options[name] = None
        elif name is not None:
            options[name] = word if options[name] is None else f"{options[name]} {word}"
    return options


def _filled(form, options, argv):
    if isinstance(form, dict):
        return {name: _filled(value, options, argv) for name, value in form.items()}
    if isinstance(form, list):
        return [_filled(value, options, argv) for value in form]
    if not isinstance(form, str) or "{" not in form:
        return form
    made = hashlib.sha256("\0".join(argv).encode("utf-8", "surrogateescape")).hexdigest()
    text = form.replace("{id}", "I" + made[:13].upper())
    for name, value in options.items():
        text = text.replace("{" + name + "}", value or "")
    return text


def _say(answer, options):
    if options.get("query"):
        sys.path.insert(0, "/usr/lib/pawl/lib")
        import jmespath

        answer = jmespath.search(options["query"], answer)
    output = options.get("output") or os.environ.get("AWS_DEFAULT_OUTPUT") or "json"
    if output == "text":
        print(_text(answer))
    else:
        print(json.dumps(answer, indent=4))


def _text(answer):
    if isinstance(answer, dict):
        answer = list(answer.values())
    if isinstance(answer, list):
        return "\t".join(_text(value) for value in answer)
    return "None" if answer is None else str(answer)
