//go:build !race

package offering_test

const detecting = false // races of memory
