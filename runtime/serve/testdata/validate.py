"""Validates an OpenAPI document."""
import json
import sys

from openapi_spec_validator import validate

validate(json.load(open(sys.argv[1])))
print("valid")
