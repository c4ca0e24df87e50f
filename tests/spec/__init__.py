"""The rules as readable specifications: ``pages/*.md`` say them, the tests run them, ``docs/rules`` shows them."""
