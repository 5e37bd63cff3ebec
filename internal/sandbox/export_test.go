package sandbox

// Routes lists the calls in code, method and path, for the tests that compare them with the contract.
func Routes() []string {
	var out []string
	for _, r := range routes(Options{MultiplePath: DefaultMultiplePath}) {
		out = append(out, r.method+" "+r.path)
	}
	return out
}
