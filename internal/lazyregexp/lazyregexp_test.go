package lazyregexp_test

import (
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/lazyregexp"
)

func TestAnExpressionIsCompiledWhenItIsUsed(t *testing.T) {
	t.Parallel()
	invalid := lazyregexp.New("(") // nothing happens yet
	defer func() {
		if recover() == nil {
			t.Error("an invalid expression was used without a panic")
		}
	}()
	if r := lazyregexp.New("^a+$"); !r.MatchString("aa") || r.MatchString("b") || r.Get().String() != "^a+$" {
		t.Error("a valid expression does not match what it should")
	}
	invalid.MatchString("")
}
