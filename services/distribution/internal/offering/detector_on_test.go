//go:build race

package offering_test

const detecting = true
