#!/bin/bash
# The problems of the HTTP reference are those of the program, with status, title and Retry-After.
# shellcheck source=tests/check/docs.sh
. "$(dirname "${BASH_SOURCE[0]}")/docs.sh"

expect_fit http_problems
plant http_problems docs/reference/http-api.md '/^| `overloaded`/d' 'not documented: overloaded'
plant http_problems docs/reference/http-api.md 's/^| `not-found` | 404/| `not-found` | 410/' "documented as '410, Not Found, '"
plant http_problems sidecar/src/http/problem.cpp 's/"Database Unavailable", 2/"Database Unavailable", 5/' 'problem database-unavailable'
