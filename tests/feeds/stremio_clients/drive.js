// Lints an add-on with stremio-addon-linter and calls it with stremio-addon-client; one JSON argument in, one object out.
const linter = require('stremio-addon-linter')
const client = require('stremio-addon-client')

const told = JSON.parse(process.argv[2])

async function main() {
  const { addon } = await client.detectFromURL(told.manifest)
  const lint = linter.lintManifest(addon.manifest)
  const descriptor = linter.lintCollection([{ ...addon.toDescriptor(), transportName: 'http' }])
  const answers = []
  for (const call of told.calls) {
    const [resource, type, id] = call
    answers.push({ supported: addon.isSupported(resource, type, id), answer: await addon.get(...call) })
  }
  const words = (list) => list.map((error) => error.message)
  process.stdout.write(JSON.stringify({
    valid: lint.valid && descriptor.valid,
    errors: words(lint.errors.concat(descriptor.errors)),
    warnings: words(lint.warnings),
    answers,
  }))
}

main().catch((error) => {
  process.stderr.write(`${error && error.stack || error}\n`)
  process.exit(1)
})
