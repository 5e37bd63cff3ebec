package contracttest

// Forget has the contract take each shape for a new one.
func (c *Contract) Forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.fit)
}

// Shapes is how many shapes are known to fit.
func (c *Contract) Shapes() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.fit)
}
