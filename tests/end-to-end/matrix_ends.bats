#!/usr/bin/env bats
# The fault matrix, first part: how processes end.

load lib
load matrix

@test "SIGKILL" {
    row sh -c 'kill -KILL $$'
    [ "$ROW_STATUS" -eq 137 ]
}
