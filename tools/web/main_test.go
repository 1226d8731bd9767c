package main

import "testing"

// TestCommittedPageIsTheSources fails when somebody changed the page or the
// .proto files and did not build.
func TestCommittedPageIsTheSources(t *testing.T) {
	if err := run("../../services/desk/web", true); err != nil {
		t.Fatal(err)
	}
}
