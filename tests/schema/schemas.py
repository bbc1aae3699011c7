# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether a JSON document of one of the programs is what its schema says."""

import json
from pathlib import Path

import jsonschema

DIRECTORY = Path(__file__).resolve().parents[2] / "schema"


def load():
    """All schemas by their id, `urn:xen-iomemgrant:list:1`; those of the agent have a folder of its name."""
    schemas = {}
    for path in DIRECTORY.rglob("*.json"):
        schema = json.loads(path.read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        program = "xen-iomemgrant" if path.parent == DIRECTORY else path.parent.name
        assert schema["$id"] == f"urn:{program}:{path.stem.rpartition('-')[0]}:1", path
        schemas[schema["$id"]] = schema
    return schemas


SCHEMAS = load()


def validate(document):
    """Raise unless the document has a schema and is as it says."""
    name = "urn:" + document["schema"].replace("/", ":")
    assert name in SCHEMAS, f"no schema {name}: a new document needs one in {DIRECTORY}"
    schema = SCHEMAS[name]
    resolver = jsonschema.RefResolver.from_schema(schema, store=SCHEMAS)
    jsonschema.Draft202012Validator(schema, resolver=resolver).validate(document)
