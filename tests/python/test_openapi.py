"""The served description is valid OpenAPI 3.1. Run by tests/public_clients.rs."""

import json
import unittest
import urllib.request

from common import URL
from openapi_spec_validator import OpenAPIV31SpecValidator


class Description(unittest.TestCase):
    def test_is_valid(self):
        with urllib.request.urlopen(URL + "/openapi.json", timeout=30) as answer:
            self.assertEqual(answer.headers.get_content_type(), "application/json")
            document = json.load(answer)
        problems = [f"{list(error.absolute_path)}: {error.message}" for error in OpenAPIV31SpecValidator(document).iter_errors()]
        self.assertEqual(problems, [])
        # The validator sees mistakes at all.
        del document["info"]["title"]
        self.assertTrue(list(OpenAPIV31SpecValidator(document).iter_errors()))


if __name__ == "__main__":
    unittest.main()
