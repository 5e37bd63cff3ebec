package tokenstore

// elsewhere says which other store fits where the keyring cannot be used, and how to set it. A file fits where its passphrase is set or a person
// can type it, and on a machine that somebody signs in to by SSH; memory fits a run that nobody sees, such as a CI job's or a container's.
func elsewhere(o Options) string {
	const variable = "TELEMATICSCTL_STORE_PASSPHRASE"
	bySSH := o.Getenv("SSH_CONNECTION") != "" || o.Getenv("SSH_TTY") != ""
	inCI := o.Getenv("CI") != "" && o.Getenv("CI") != "false"
	switch {
	case o.Getenv(variable) != "":
		return "keep the tokens in an encrypted file, as " + variable + " is set: " + setStore(o.Profile, KindFile)
	case o.Interactive && !inCI:
		return "keep the tokens in an encrypted file: " + setStore(o.Profile, KindFile) + "; its passphrase is asked for, or comes from " + variable
	case bySSH && !inCI:
		return "keep the tokens in an encrypted file: set " + variable + ", and " + setStore(o.Profile, KindFile)
	default:
		return "keep the tokens in memory, for this run alone: " + setStore(o.Profile, KindMemory)
	}
}

// setStore tells the two ways in which a kind of store is set.
func setStore(profile, kind string) string {
	if profile == "" {
		profile = "NAME"
	}
	return "set TELEMATICSCTL_TOKEN_STORE=" + kind + ", or for good run `telematicsctl profile add " + profile + " --replace --token-store " + kind + "`"
}
