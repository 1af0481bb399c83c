# Turns "deb" lines for Debian bookworm's main component into "deb-src" lines.
$1 != "deb" && $1 != "deb-src" { next }
{
  sub(/#.*/, "")
  options = ""
  if (match($0, /\[[^]]*\]/)) {
    options = substr($0, RSTART, RLENGTH) " "
    $0 = substr($0, 1, RSTART - 1) substr($0, RSTART + RLENGTH)
  }
  if ($3 !~ /^bookworm(-updates|-security)?(\/updates)?$/) next
  for (i = 4; i <= NF; i++)
    if ($i == "main") {
      line = "deb-src " options $2 " " $3 " main"
      if (!(line in seen)) print line
      seen[line] = 1
    }
}
