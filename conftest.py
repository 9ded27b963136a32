"""Makes the shared fixtures (databases, brokers, browser, running services) known to every test, the client's too."""

pytest_plugins = [
    "tests.fixtures.postgresql",
    "tests.fixtures.databases",
    "tests.fixtures.brokers",
    "tests.fixtures.object_store",
    "tests.fixtures.browser",
    "tests.fixtures.services",
    "tests.fixtures.results",
]
