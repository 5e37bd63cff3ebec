package sandbox

// OnAsked has fn told of each name that a call looks for, in its headers, its query or its body
// (UserFields/ClientId), there or not. It comes before the first request.
func (s *Sandbox) OnAsked(fn func(call, where, name string)) { s.server.Asked = fn }

// Routes lists the calls in code, method and path, for the tests that compare them with
// the contract.
func Routes() []string {
	box, err := Open(Options{})
	if err != nil {
		panic(err)
	}
	var out []string
	for _, c := range box.server.Calls() {
		out = append(out, c.Method+" "+c.Path)
	}
	return out
}
