"""Writes what CloudFormation would be given: `translate.py TEMPLATE OUT` turns a SAM template into a plain one.

`sam validate` and cfn-lint on the SAM source miss mistakes that show only in the translation.
"""

import json
import logging
import os
import sys

os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")

from samcli.yamlhelper import yaml_parse
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

# It warns of switches that only Amazon's own copy of the translator has.
logging.getLogger("samtranslator.feature_toggle").setLevel(logging.ERROR)

# What CloudFormation takes of a template.
MOST_RESOURCES = 500
LARGEST = 1_000_000

# Names of managed policies that the translator would otherwise ask IAM for.
MANAGED = {"AWSLambdaBasicExecutionRole": "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"}


def uploaded(template):
    """The template after packaging: local paths have become addresses."""
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        if "CodeUri" in properties:
            properties["CodeUri"] = "s3://bucket/key"
        if "Location" in properties:
            properties["Location"] = "https://bucket.s3.amazonaws.com/key"
    return template


def main(source, out):
    with open(source, encoding="utf-8") as file:
        template = uploaded(yaml_parse(file.read()))
    try:
        translated = Translator(MANAGED, Parser()).translate(template, {})
    except InvalidDocumentException as error:
        sys.exit(f"{source}: {error.message}\n" + "\n".join(f"  {cause.message}" for cause in error.causes))
    text = json.dumps(translated, indent=1)
    resources, size = len(translated["Resources"]), len(text.encode())
    print(f"{source}: {resources} resources, {size // 1000} kB")
    if resources > MOST_RESOURCES or size > LARGEST:
        sys.exit(f"{source}: CloudFormation takes {MOST_RESOURCES} resources and {LARGEST // 1000} kB at most")
    with open(out, "w", encoding="utf-8") as file:
        file.write(text)


main(*sys.argv[1:])
