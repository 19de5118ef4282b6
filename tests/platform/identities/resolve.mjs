// Resolves the DID URLs of standard input (a JSON list) with the resolvers of the npm registry.
// Called with: address of the node, chain id (hex), address of the DidRegistry.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const [rpcUrl, chainId, registry, modules] = process.argv.slice(2)
const require = createRequire(pathToFileURL(`${modules}/`))
const load = (name) => import(pathToFileURL(require.resolve(name)))
const { Resolver } = await load('did-resolver')
const { getResolver } = await load('ethr-did-resolver')

const resolver = new Resolver(getResolver({ networks: [{ name: chainId, chainId, rpcUrl, registry }] }))
const results = []
for (const url of JSON.parse(readFileSync(0, 'utf8'))) results.push(await resolver.resolve(url))
process.stdout.write(JSON.stringify(results))
process.exit(0)
