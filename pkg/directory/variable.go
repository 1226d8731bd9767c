package directory

import (
	"regexp"
	"unicode/utf8"

	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// MaxValue is the longest value of a context variable, in characters (L116).
const MaxValue = 4000

var decimal = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?$`)

// Fits tells whether a context variable may have that value; each may have none.
func Fits(v *configv1.Variable, value string) bool {
	return utf8.ValidString(value) && utf8.RuneCountInString(value) <= MaxValue &&
		(value == "" || v.GetType() != configv1.VariableType_VARIABLE_TYPE_NUMBER || decimal.MatchString(value))
}

// Variable is the context variable of that name in a list; nil when there is none.
func Variable(list []*configv1.Variable, name string) *configv1.Variable {
	for _, v := range list {
		if v.GetName() == name {
			return v
		}
	}
	return nil
}
