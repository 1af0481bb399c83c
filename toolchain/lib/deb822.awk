# Turns deb822 stanzas for Debian bookworm's main component into "deb-src"
# stanzas and keeps their other fields (the signing key, options).
BEGIN { RS = ""; FS = "\n" }
{
  other = ""; suites = ""; main = 0; enabled = 1; keep = 0
  for (i = 1; i <= NF; i++) {
    if ($i ~ /^#/) continue
    if ($i ~ /^[ \t]/) { if (keep) other = other $i "\n"; continue }
    name = tolower($i); sub(/:.*/, "", name)
    value = $i; sub(/^[^:]*:[ \t]*/, "", value)
    keep = 0
    if (name == "types") continue
    if (name == "enabled") { enabled = tolower(value) !~ /^(no|false|0|off)/; continue }
    if (name == "suites") {
      n = split(value, words, /[ \t]+/)
      for (j = 1; j <= n; j++)
        if (words[j] ~ /^bookworm(-updates|-security)?(\/updates)?$/)
          suites = suites " " words[j]
      continue
    }
    if (name == "components") {
      n = split(value, words, /[ \t]+/)
      for (j = 1; j <= n; j++) if (words[j] == "main") main = 1
      continue
    }
    keep = 1
    other = other $i "\n"
  }
  if (enabled && main && suites != "")
    printf "Types: deb-src\nSuites:%s\nComponents: main\n%s\n", suites, other
}
